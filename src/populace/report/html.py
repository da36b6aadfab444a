"""A page of ours: the template filled, the style inline, everything that came from outside escaped."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from typing import Any

from populace.errors import PopulaceError
from populace.report.figures import theme
from populace.report.text import plain

__all__ = ["page", "require_drawing", "safe"]


def safe(text: str) -> Any:
    """Mark text of our own making as HTML."""
    from markupsafe import Markup

    return Markup(text)


def require_drawing() -> None:
    """Raise an error that says what to install, where the packages that draw are missing."""
    for package in ("altair", "vl_convert"):
        if find_spec(package) is None:
            raise PopulaceError(
                f"a report needs the package {package}, which is not installed",
                fix="pip install 'populace[report]'",
            )


def page(template: str, **values: Any) -> str:
    """Fill a template of `populace.report`; it also gets `style`, the page's whole style sheet."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("populace.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = resources.files("populace.report").joinpath("templates", "report.css").read_text("utf-8")
    return environment.get_template(template).render(style=safe(style + theme.dark_rules()), **values)
