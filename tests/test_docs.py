"""What a page of the documentation shows as output is what its code prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
# Code between fences, then what it prints, fenced as text.
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)


def examples(name: str) -> list[tuple[str, str]]:
    return EXAMPLE.findall((DOCS / name).read_text("utf-8"))


# A page, and the modules of extras that its examples need.
PAGES = {
    "pluralism.md": (), "memory.md": ("alembic", "torch"), "portfolio.md": (), "bounds.md": ("cedarpy",),
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_its_code_prints(page: str) -> None:
    for module in PAGES[page]:
        pytest.importorskip(module, reason=f"an example needs {module}, which is not installed")
    # A page is read from its top: what one example made, the next may use.
    names: dict[str, object] = {"__name__": "page"}
    assert examples(page)
    for code, printed in examples(page):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, page, "exec"), names)
        assert out.getvalue().rstrip() == printed.rstrip()


@pytest.mark.parametrize("page", PAGES)
def test_pictures_of_a_page_exist(page: str) -> None:
    pictures = re.findall(r"\]\((images/[^)]+)\)", (DOCS / page).read_text("utf-8"))
    assert all((DOCS / picture).is_file() for picture in pictures), pictures


def test_every_kind_and_class_has_an_example_and_a_picture() -> None:
    text = (DOCS / "pluralism.md").read_text("utf-8")
    sections = text.split("\n## ")[1:]
    named = [section for section in sections if "```python" in section]
    assert len(named) >= 7
    for section in named:
        title = section.splitlines()[0]
        pictures = re.findall(r"\]\((images/[^)]+)\)", section)
        assert pictures, f"no picture: {title}"
        assert all((DOCS / picture).is_file() for picture in pictures), title
