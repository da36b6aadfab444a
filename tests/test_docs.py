"""What a page of the documentation shows as output is what its code prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
# Code between fences, then what it prints: fenced as text, or set in by four spaces.
EXAMPLE = re.compile(r"```python\n(.*?)```\n\n(?:```text\n(.*?)```|((?:    .*\n)+))", re.DOTALL)


def examples(name: str) -> list[tuple[str, str]]:
    found = []
    for code, fenced, indented in EXAMPLE.findall((DOCS / name).read_text("utf-8")):
        printed = fenced or "".join(line[4:] + "\n" for line in indented.splitlines())
        found.append((code, printed))
    return found


@pytest.mark.parametrize(("code", "printed"), examples("pluralism.md") + examples("memory.md"))
def test_a_page_says_what_its_code_prints(code: str, printed: str) -> None:
    if "populace.memory" in code:
        pytest.importorskip("alembic", reason="the extra memory is not installed")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "page.md", "exec"), {"__name__": "page"})
    assert out.getvalue().rstrip() == printed.rstrip()


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
