"""Pages as HTML: our templates, escaped; the researcher's texts from Markdown without raw HTML."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

from populace.report.text import plain

__all__ = ["Pages", "asset", "prose"]

_PACKAGE = "populace.serve.judging"


class Pages:
    """Fills the templates of this room."""

    def __init__(self, root: str, lang: str = "en", **shared: Any) -> None:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        # Texts of the study, not ours: their language, and the direction that they are written in.
        theirs = ' dir="auto"' + (f' lang="{lang}"' if lang != "en" else "")

        self._environment = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=lambda value: plain(value) if type(value) is str else value,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._shared = {
            "root": root,
            "version": asset_version(),
            "theirs": Markup(theirs),
            "token": None,
        } | shared

    def render(self, name: str, **values: Any) -> str:
        """Fill a template."""
        return self._environment.get_template(f"{name}.html.jinja").render(self._shared | values)


def prose(text: str, *, below: int = 1) -> Any:
    r"""Turn Markdown into HTML: raw HTML escaped, no pictures, headings under the page's own.

    Examples
    --------
    >>> str(prose("# Why\n<b>we</b> ask"))
    '<h2>Why</h2>\n<p>&lt;b&gt;we&lt;/b&gt; ask</p>\n'
    """
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    reader = MarkdownIt("commonmark", {"html": False}).disable("image")
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + below)}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))


@functools.cache
def asset(name: str) -> bytes:
    """Read the style sheet or the script. The style sheet is that of our reports and what this room adds."""
    if name == "page.css":
        report = resources.files("populace.report").joinpath("templates", "report.css").read_bytes()
        return report + resources.files(_PACKAGE).joinpath("static", "judge.css").read_bytes()
    return resources.files(_PACKAGE).joinpath("static", name).read_bytes()


@functools.cache
def asset_version() -> str:
    """Hash of the assets, for their addresses: a new version is never mixed with an old style."""
    from populace.canonical import content_hash

    return content_hash([asset(name).decode() for name in ("page.css", "judge.js")], size=6)
