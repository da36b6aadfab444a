"""Turn a chart into SVG or PNG bytes, without a browser and without a network."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from populace.report.text import plain

__all__ = ["both_widths", "inline", "png", "svg"]

_NAMESPACE = "http://www.w3.org/2000/svg"


def svg(chart: Any) -> str:
    """Draw a chart as a standalone SVG document on white.

    Examples
    --------
    >>> import polars as pl
    >>> from populace.report.figures import splits
    >>> table = pl.DataFrame({"pair_id": ["a"] * 2, "persona_id": ["x", "y"], "way": ["choice"] * 2,
    ...     "verdict": ["revision", "original"]})
    >>> svg(splits(table))[:4]
    '<svg'
    """
    import vl_convert

    return vl_convert.vegalite_to_svg(_printable(chart.to_dict(validate=False)), allowed_base_urls=[])


def png(chart: Any, scale: float = 2.0) -> bytes:
    """Draw a chart as PNG on white, `scale` pixels a unit."""
    import vl_convert

    return vl_convert.vegalite_to_png(
        _printable(chart.to_dict(validate=False)), scale=scale, allowed_base_urls=[]
    )


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def inline(document: str, name: str, description: str) -> str:
    """Make an SVG document safe to stand in a page: no size of its own, unique ids, one description.

    It is parsed and written again, so that what enters the page is well-formed whatever the labels hold.
    """
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.fromstring(document)
    background = root.find(f"{{{_NAMESPACE}}}rect")
    if background is not None:
        root.remove(background)
    # Ids are page-wide in HTML: two figures that both clip by #clip0 would clip each other.
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif value.startswith("url(#"):
                element.set(key, value.replace("url(#", f"url(#{name}-", 1))
    # The height follows from the view box when the style sheet shrinks the width.
    for attribute in ("height", "class", "version"):
        root.attrib.pop(attribute, None)
    _hover(root)
    root.set("role", "img")
    root.set("aria-label", description)
    return ElementTree.tostring(root, encoding="unicode")


def _hover(root: ElementTree.Element) -> None:
    """Turn the descriptions that some marks carry into titles, which browsers show on hover."""
    for element in root.iter():
        for attribute in ("aria-roledescription", "role"):
            element.attrib.pop(attribute, None)
        if said := element.attrib.pop("aria-label", None):
            title = ElementTree.Element(f"{{{_NAMESPACE}}}title")
            title.text = said
            element.insert(0, title)


def both_widths(name: str, description: str, wide: str, narrow: str) -> str:
    """Inline a figure drawn twice; the style sheet shows the drawing that fits the screen."""
    return (
        f'<div class="wide">{inline(wide, f"{name}-wide", description)}</div>'
        f'<div class="narrow">{inline(narrow, f"{name}-narrow", description)}</div>'
    )
