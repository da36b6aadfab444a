"""What one audit found, when it passes, and the gate of a release.

Every audit ends in one number, of which more is worse: `tested`. It passes where the upper end of the
number's interval lies below the audit's `limit`: a release has to show that a shortcut does not explain it,
and where the data are too few to show it, it does not pass. So at 95 % a set whose true number is at the
limit or above passes in about 2.5 % of cases, for each audit alone; as every audit must pass, testing many
makes this rarer, not more frequent (`docs/design/audits.md` has the rates measured).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import polars as pl

from populace.stats import Estimate

__all__ = ["FINDING_SCHEMA", "Finding", "Limits", "failed", "findings_frame", "undone", "untested"]

Row = tuple[str, str, Estimate]

_ESTIMATE = {
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int64,
    "clusters": pl.Int64,
    "method": pl.String,
    "seed": pl.Int64,
}
FINDING_SCHEMA = {
    "audit": pl.String,
    "judge": pl.String,
    "passed": pl.Boolean,
    "limit": pl.Float64,
    "measure": pl.String,
    "arm": pl.String,
    **_ESTIMATE,
}
"""Columns of `findings_frame`."""


FEWEST = 10
"""Clusters (of the scarcer kind: personas, authors or prompts) below which nothing is let pass."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What each kind of audit must stay below. `docs/design/audits.md` says why these."""

    rule: float = 0.5
    """Cosine of the verdicts with a rule that reads no answer: right in three verdicts of four is 0.5."""
    reader: float = 0.9
    """Cosine with the verdicts of somebody else, who reads the answers but is not the persona."""
    noise: float = 0.5
    """Share of noise in the verdict of both orders together."""
    text: float = 0.15
    """Share of pairs whose texts give something away, or repeat."""

    def __post_init__(self) -> None:
        """Refuse a limit that nothing or everything passes."""
        for name in self.__struct_fields__:
            if not 0 < (value := getattr(self, name)) <= 1:
                raise ValueError(f"the limit {name} is {value} and must lie above 0 and at most at 1")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One audit of one judge (or of the pairs' texts).

    Examples
    --------
    >>> half = Estimate(value=0.5, low=0.45, high=0.55, n=400, clusters=40, method="by hand")
    >>> none = Estimate(value=0.0, low=-0.1, high=0.1, n=400, clusters=40, method="by hand")
    >>> one = decide("length-only", "the longer answer", half, half, none, 0.5)
    >>> one.passed, one.why
    (True, 'tested 0.000 [-0.100, 0.100], all below the limit of 0.5')
    """

    name: str
    """Of the audit: `length-only`."""
    what: str
    """The shortcut, in a sentence."""
    estimate: Estimate | None
    """What the shortcut scores; None where it could not be computed."""
    beside: Estimate | None
    """What the same score is without the shortcut."""
    tested: Estimate | None
    """The number that is compared with `limit`; more is worse."""
    limit: float
    passed: bool | None
    """None where the data do not allow the audit at all; `why` says what is missing."""
    why: str
    judge: str | None = None
    """Whose verdicts; None for an audit of texts."""
    implied_by: tuple[str, ...] = ()
    """Audits that failed too and whose shortcut makes this one fail as well."""
    rows: tuple[Row, ...] = ()
    """Further figures: measure, arm, estimate."""


def decide(
    name: str,
    what: str,
    estimate: Estimate | None,
    beside: Estimate | None,
    tested: Estimate,
    limit: float,
    *,
    rows: Iterable[Row] = (),
) -> Finding:
    """Compare the tested number with its limit: passed where its whole interval lies below."""
    passed: bool | None = None
    if not tested.defined or tested.high != tested.high:
        why = f"cannot be said: {tested.method}"
    else:
        interval = f"tested {tested.value:.3f} [{tested.low:.3f}, {tested.high:.3f}]"
        passed = tested.high < limit
        if passed and tested.clusters < FEWEST:
            passed, why = None, f"{interval}, but of {tested.clusters} clusters; {FEWEST} are needed"
        elif passed:
            why = f"{interval}, all below the limit of {limit:g}"
        elif tested.value < limit:
            why = f"{interval}, not shown to be below the limit of {limit:g}: more pairs would tell"
        else:
            why = f"{interval}, at or above the limit of {limit:g}"
    return Finding(
        name=name,
        what=what,
        estimate=estimate,
        beside=beside,
        tested=tested,
        limit=limit,
        passed=passed,
        why=why,
        rows=tuple(rows),
    )


def not_run(
    name: str,
    what: str,
    limit: float,
    why: str,
    *,
    estimate: Estimate | None = None,
    beside: Estimate | None = None,
) -> Finding:
    """Record an audit that the data do not allow."""
    return Finding(
        name=name,
        what=what,
        estimate=estimate,
        beside=beside,
        tested=None,
        limit=limit,
        passed=None,
        why=why,
    )


def failed(findings: Iterable[Finding], *, strict: bool = False) -> list[Finding]:
    """Give the findings that stop a release: those beaten; `strict`: also those that could not be run.

    Examples
    --------
    >>> beaten = Estimate(value=1.0, low=1.0, high=1.0, n=9, clusters=9, method="by hand")
    >>> found = [decide("length-only", "", None, None, beaten, 0.5), not_run("no-persona", "", 0.9, "nobody")]
    >>> [one.name for one in failed(found)], [one.name for one in failed(found, strict=True)]
    (['length-only'], ['length-only', 'no-persona'])
    """
    return [one for one in findings if one.passed is False or (strict and one.passed is None)]


def undone(findings: Iterable[Finding]) -> list[Finding]:
    """Give the audits that the data did not allow."""
    return [one for one in findings if one.passed is None]


def untested(findings: Iterable[Finding]) -> list[str | None]:
    """Give the judges of whose verdicts no audit could be run: nothing was shown, and nothing may pass.

    Examples
    --------
    >>> untested([not_run("length-only", "", 0.5, "there is no verdict")])
    [None]
    """
    tested: dict[str | None, bool] = {}
    of_texts = ("attribute-leakage", "attribute-parroting", "near-duplicates")
    for one in findings:
        if one.name not in of_texts:
            tested[one.judge] = tested.get(one.judge, False) or one.passed is not None
    return [judge for judge, any_ in tested.items() if not any_]


def findings_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    """Lay every figure of every finding out as a row: the audit, its verdict, measure, arm, estimate.

    Examples
    --------
    >>> none = Estimate(value=0.0, low=-0.1, high=0.1, n=400, clusters=40, method="by hand")
    >>> frame = findings_frame([decide("length-only", "", none, None, none, 0.5)])
    >>> frame.select("audit", "measure", "arm", "passed").rows()[0]
    ('length-only', 'tested', 'length-only', True)
    """
    rows: list[dict[str, object]] = []
    for one in findings:
        named = (("tested", one.tested), ("shortcut", one.estimate), ("beside", one.beside))
        figures = [(measure, one.name, found) for measure, found in named if found is not None]
        shared = {"audit": one.name, "judge": one.judge, "passed": one.passed, "limit": one.limit}
        for measure, arm, found in (*figures, *one.rows):
            rows.append({**shared, "measure": measure, "arm": arm, **msgspec.structs.asdict(found)})
        if not figures and not one.rows:
            rows.append({**dict.fromkeys(FINDING_SCHEMA), **shared})
    return pl.DataFrame(rows, schema=FINDING_SCHEMA)
