"""`populace bounds quality`: how good predicates are on a labelled set; no text is printed or written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from populace.bounds.predicates.quality import Quality
    from populace.stats import Estimate


def quality(
    set_: Annotated[
        Path,
        typer.Option("--set", metavar="FILE", help="Labelled texts: CSV, JSONL or Parquet; stays there."),
    ],
    bounds: Annotated[
        Path | None,
        typer.Option(
            help="Folder of bounds whose predicates are measured; the words that are shipped if not given."
        ),
    ] = None,
    threshold: Annotated[int, typer.Option(min=1, max=100, help="Score from which a text is flagged.")] = 50,
    text: Annotated[str | None, typer.Option(help="Column of texts.", metavar="NAME")] = None,
    label: Annotated[
        str | None, typer.Option(help="Column of labels: safe or unsafe, or hazards.", metavar="NAME")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Column of parts to tell apart.", metavar="NAME")] = None,
    all_unsafe: Annotated[
        bool, typer.Option("--all-unsafe", help="There are no labels: all are unsafe.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="JSON file of all figures.", metavar="FILE")] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Fit maps from scores to shares on this set, into a TOML file.", metavar="FILE"),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps verdicts, by keyed hashes of texts: a run that was stopped goes on.",
            metavar="FILE",
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="isotonic, or logistic for a few hundred texts.")] = "isotonic",
    seconds: Annotated[float, typer.Option(min=0.001, help="For each text and predicate.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
) -> None:
    """Say how good predicates are on labelled texts: recall, false alarms, ranking; with intervals."""
    import msgspec

    from populace.atomic import write_atomic
    from populace.bounds.predicates import from_table, measure_quality
    from populace.bounds.predicates.labelled import read_labelled

    given = read_labelled(set_, text=text, label=label, group=group, all_unsafe=all_unsafe)
    if bounds is None:
        # A map is of a hazard: one predicate for each, where maps are fitted.
        predicates = from_table({"rules": {}} if calibrate else {"rules": {}, "personal_data": {}})
    else:
        from populace.bounds.policy.settings import read_settings

        predicates = from_table(read_settings(bounds / "bounds.toml").predicates, bounds)
    if cache is not None:
        from populace.bounds.predicates.cache import Cache, Cached

        kept = Cache(cache, most=max(len(given.texts) * len(predicates), 1) * 2)
        predicates = [Cached(each, kept) for each in predicates]
    if calibrate is not None:
        from populace.bounds.predicates.quality import calibrate_on

        write_atomic(calibrate, calibrate_on(predicates, given, method=method, seconds=seconds).encode())
        typer.echo(f"{calibrate}: maps of {given.name}; measure them on another set")
        return
    with _progress() as progress:
        task = progress.add_task(given.name, total=len(given.texts))
        found = measure_quality(
            predicates,
            given,
            threshold=threshold,
            seconds=seconds,
            seed=seed,
            progress=lambda done: progress.update(task, completed=done),
        )
    _show(found)
    if out is not None:
        write_atomic(out, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        typer.echo(f"{out}: written")


def _progress() -> Progress:
    """Show texts done, rate and what is left, where somebody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _show(found: Quality) -> None:
    """Print one line a predicate, and one a part of the set."""
    typer.echo(f"{found.set}: {found.texts:,} texts, flagged from {found.threshold} of 100 on")
    whole = [row for row in found.rows if not row.group]
    parts = [row for row in found.rows if row.group]
    loud = [row for row in whole if any(each and each.value for each in (row.recall, row.false_alarms))]
    for title, rows in (("predicate and hazard", loud), ("all together, by part", parts)):
        if not rows:
            continue
        heads = (f"{head:<18}" for head in ("recall", "false alarms", "ranking"))
        typer.echo(f"\n{title:<32}{''.join(heads)}could tell")
        for row in rows:
            name = row.group or (row.predicate if "," in row.hazard else f"{row.predicate[:24]} {row.hazard}")
            cells = (f"{_short(each):<18}" for each in (row.recall, row.false_alarms, row.auroc))
            typer.echo(f"{name[:31]:<32}{''.join(cells)}{row.judged.value:.0%}")
    if len(loud) < len(whole):
        quiet = ", ".join(row.hazard for row in whole if row not in loud)
        typer.echo(f"\nflagged nothing: {quiet}")
    typer.echo("\n95 % intervals over texts. Texts that a predicate could not tell of count as flagged.")


def _short(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
