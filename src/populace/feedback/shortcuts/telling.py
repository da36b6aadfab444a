"""Findings as people read them: a sentence, a table for a terminal, a table in Markdown.

All three name what failed first. A failure that another one implies says so: it is the other to mend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from populace.feedback.shortcuts.finding import Finding
from populace.stats import Estimate

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

__all__ = ["VERDICTS", "findings_markdown", "findings_table", "reason", "summary"]

VERDICTS = {True: "passed", False: "failed", None: "not run"}
_COLUMNS = ("audit", "scores", "beside", "tested", "limit", "")
_LONGEST = 25
"""Letters of the longest name of an audit."""


def summary(findings: Sequence[Finding]) -> str:
    """Say in one or two sentences which audits failed, and which could not be run.

    Examples
    --------
    >>> one = Finding(name="length-only", what="", estimate=None, beside=None, tested=None, limit=0.5,
    ...     passed=False, why="")
    >>> print(summary([one]))
    The only audit failed: length-only.
    >>> print(summary([]))
    No audit was made.
    """
    if not findings:
        return "No audit was made."
    several = len({one.judge for one in findings if one.judge}) > 1
    roots, implied, undone = (
        [f"{one.name} of {one.judge}" if several and one.judge else one.name for one in some]
        for some in (
            [one for one in findings if one.passed is False and not one.implied_by],
            [one for one in findings if one.passed is False and one.implied_by],
            [one for one in findings if one.passed is None],
        )
    )
    n = len(findings)
    if roots or implied:
        said = "The only audit failed" if n == 1 else f"{len(roots) + len(implied)} of {n} audits failed"
        said = f"{said}: {', '.join(roots or implied)}"
        said += f", and as a consequence {', '.join(implied)}." if roots and implied else "."
    elif undone:
        said = f"None of {n} audits failed." if n > 1 else ""
    else:
        said = f"All {n} audits passed." if n > 1 else "The only audit passed."
    if undone:
        said += f" {len(undone)} could not be run: {', '.join(undone)}."
    return said.strip()


def reason(one: Finding) -> str:
    """Say why an audit ended as it did, and which other failure implies this one."""
    return one.why + (f"; implied by {', '.join(one.implied_by)}" if one.implied_by else "")


def findings_table(findings: Iterable[Finding]) -> Group:
    """Lay findings out for a terminal of 80 columns: a table a judge, then why each did not pass."""
    from rich.console import Group
    from rich.text import Text

    findings = list(findings)
    parts: list[Table | Text] = []
    for judge in dict.fromkeys(one.judge for one in findings):
        theirs = [one for one in findings if one.judge == judge]
        title = f"audits of the verdicts of {judge}" if judge else "audits of the texts"
        if not judge and any(one.name == "length-only" for one in theirs):
            title = "audits"
        parts.append(_table(title, theirs))
    parts.append(Text(summary(findings), style="bold"))
    parts += [Text(f"- {', '.join(names)}: {why}") for why, names in _reasons(findings).items()]
    return Group(*parts)


def _reasons(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Why audits did not pass -> those that it is true of."""
    found: dict[str, list[str]] = {}
    for one in findings:
        if one.passed is not True:
            found.setdefault(reason(one), []).append(one.name)
    return found


def _table(title: str, findings: Iterable[Finding]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    for place, name in enumerate(_COLUMNS):
        numeric = 0 < place < len(_COLUMNS) - 1
        width = _LONGEST if place == 0 else None
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", min_width=width)
    for one in findings:
        verdict = Text(VERDICTS[one.passed], style="bold red" if one.passed is False else "")
        numbers = (_value(one.estimate), _value(one.beside), _interval(one.tested), f"{one.limit:g}")
        table.add_row(*(Text(cell) for cell in (one.name, *numbers)), verdict)
    return table


def findings_markdown(findings: Iterable[Finding]) -> str:
    """Lay findings out as a Markdown table, with what each shortcut is.

    Examples
    --------
    >>> half = Estimate(value=0.5, low=0.4, high=0.6, n=40, clusters=12, method="by hand")
    >>> one = Finding(name="length-only", what="the longer answer", estimate=half, beside=None, tested=half,
    ...     limit=0.5, passed=False, why="")
    >>> print(findings_markdown([one]).splitlines()[-1])
    | length-only: the longer answer |  | 0.50 | - | 0.50 [0.40, 0.60] | 0.5 | **failed** |
    """
    lines = [
        "| audit: the shortcut | judge | it scores | beside it | tested | limit | verdict |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for one in findings:
        verdict = VERDICTS[one.passed]
        cells = (
            *(f"{one.name}: {one.what}", one.judge or "", _value(one.estimate), _value(one.beside)),
            *(_interval(one.tested), f"{one.limit:g}", f"**{verdict}**" if one.passed is False else verdict),
        )
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines)


def _value(found: Estimate | None) -> str:
    return "-" if found is None or not found.defined else f"{found.value:.2f}"


def _interval(found: Estimate | None) -> str:
    if found is None or not found.defined:
        return "-"
    known = found.low == found.low
    return f"{found.value:.2f}" + (f" [{found.low:.2f}, {found.high:.2f}]" if known else "")
