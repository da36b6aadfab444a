"""Pages of this room: one file each, nothing fetched, everything from outside escaped."""

from __future__ import annotations

from importlib import resources
from typing import Any

__all__ = ["page", "plain"]


def page(name: str, **values: Any) -> str:
    """Fill the template `NAME.html.jinja`; it also gets `style`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("populace.bounds"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = resources.files("populace.bounds").joinpath("templates")
    style = Markup(folder.joinpath("page.css").read_text("utf-8"))
    return environment.get_template(f"{name}.html.jinja").render(style=style, **values)


def plain(text: str) -> str:
    r"""Take out of a text what a page cannot hold or what would turn its direction.

    Examples
    --------
    >>> plain("a\x00b\u202ec")
    'abc'
    """
    return "".join(
        sign
        for sign in text.encode("utf-8", "replace").decode()
        if (sign.isprintable() or sign in "\n\t \u00a0") and sign not in "\u202a\u202b\u202c\u202d\u202e"
    )
