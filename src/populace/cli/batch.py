"""`populace batch`: a study through batch files, at half the price of live calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.study import BudgetText, Folder, RetryErrors, StudyFile

if TYPE_CHECKING:
    from populace.run.batch import Collected, Submission
    from populace.study.batches import Next

app = typer.Typer(no_args_is_help=True, help="Ask a study's models through batch files, at half the price.")


@app.command()
def submit(
    study: StudyFile,
    folder: Folder = None,
    enqueued_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Prompt tokens that the service lets wait in all batches together."),
    ] = None,
    budget: BudgetText = None,
    retry_errors: RetryErrors = False,
) -> None:
    """Send the calls of the next stage that are neither answered nor sent."""
    from populace.run.batch import BatchLimits
    from populace.study import Study
    from populace.study.batches import submit_batch
    from populace.study.settings import read_budget

    sent = submit_batch(
        Study.load(study, folder),
        limits=BatchLimits(enqueued_tokens=enqueued_tokens),
        budget=None if budget is None else read_budget(budget),
        retry_errors=retry_errors,
        progress=_tell_sent,
    )
    if sent.next is None or sent.submitted is None:
        _tell_next(None, study)
        return
    taken = [known for known in sent.submitted.submissions if not known.closed]
    if not taken and not sent.submitted.waiting:
        _tell_next(sent.next, study)
        return
    for stage in dict.fromkeys(known.stage for known in taken):
        sizes = [known.size.requests for known in taken if known.stage == stage]
        typer.echo(f"stage {stage}: {sum(sizes):,} calls sent in {_batches(len(sizes))}")
    if sent.submitted.waiting:
        typer.echo(
            f"{sent.submitted.waiting:,} calls wait ({sent.submitted.reason}); "
            "submit again when batches have ended"
        )
    typer.echo(f"next: populace batch status {study}, then populace batch collect {study}")


@app.command()
def status(study: StudyFile, folder: Folder = None) -> None:
    """Ask the service how far the batches are."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from populace.run import duration
    from populace.study import Study
    from populace.study.batches import batch_status

    known = batch_status(Study.load(study, folder))
    table = Table("stage", "batch", "state", "done", "failed", "age", "")
    for each in known:
        if each.state == "collected":
            continue
        done = f"{each.completed:,}/{each.size.requests:,}"
        name = each.batch or f"(intended {each.intent})"
        cells = each.stage, name, each.state, done, f"{each.failed:,}", duration(each.age), each.message
        # What the service says may look like markup: "The URL [/v1/x] is not supported."
        table.add_row(*map(escape, cells))
    if table.row_count:
        Console().print(table)
    typer.echo(f"collected: {_batches(sum(each.state == 'collected' for each in known))}")


@app.command()
def cancel(study: StudyFile, folder: Folder = None) -> None:
    """Stop the open batches; collect reads what they answered, and the rest is free again."""
    from populace.study import Study
    from populace.study.batches import cancel_batches

    stopped = cancel_batches(Study.load(study, folder))
    for known in stopped:
        typer.echo(f"{known.batch or known.intent} {known.state} {known.message}".rstrip())
    typer.echo(f"{_batches(len(stopped))}; next: populace batch collect {study}")


@app.command()
def collect(study: StudyFile, folder: Folder = None) -> None:
    """Read the answers of batches that have ended into the study."""
    from populace.study import Study
    from populace.study.batches import collect_batches

    gathered = collect_batches(Study.load(study, folder), progress=_tell_collected)
    for model, collected in gathered.collected.items():
        if collected.batches or collected.broken:
            _tell_figures(model, collected)
    for each in gathered.strange:
        typer.echo(
            f"batch {each.batch or each.intent} is of {each.model}, which this study file does not name",
            err=True,
        )
    _tell_next(gathered.next, study)


def _tell_sent(submission: Submission) -> None:
    name, size = f"{submission.batch or submission.intent} {submission.state}", submission.size
    if submission.closed:
        typer.echo(f"{name}: {size.requests:,} calls are free again ({submission.message})")
        return
    cost = "" if submission.dollars_max is None else f", at most {_dollars(submission.dollars_max)}"
    typer.echo(f"{name}: {size.requests:,} calls, {size.bytes / 1e6:,.1f} MB{cost}")


def _tell_collected(submission: Submission, collected: Collected) -> None:
    then = "; submit again" if submission.state == "unsent" else ""
    name = submission.batch or submission.intent
    typer.echo(f"{name} {submission.state} {submission.message}".rstrip() + then)


def _tell_figures(model: str, collected: Collected) -> None:
    parts = [f"{collected.answered:,} answers", f"{collected.failed:,} failures"]
    if collected.repeated:
        parts.append(f"{collected.repeated:,} known before")
    if collected.freed:
        parts.append(f"{collected.freed:,} calls without an answer")
    parts.append("cost unknown" if collected.dollars is None else _dollars(collected.dollars))
    typer.echo(f"{model}: {', '.join(parts)}")
    if collected.unknown:
        shown = ", ".join(collected.unknown[:3])
        typer.echo(f"{len(collected.unknown):,} lines belong to no call of ours: {shown}", err=True)


def _batches(number: int) -> str:
    return f"{number:,} {'batch' if number == 1 else 'batches'}"


def _dollars(dollars: float) -> str:
    """Write dollars, very small amounts to the eighth decimal: a batch of a few calls costs no more."""
    from populace.run.summary import money

    return money(dollars) if dollars >= 0.001 or dollars == 0 else f"${dollars:.8f}".rstrip("0")


def _tell_next(following: Next | None, study: Path) -> None:
    """Say what to do now."""
    if following is None:
        typer.echo(f"all calls are answered; populace study run {study} writes the tables")
        return
    if following.pending:
        typer.echo(f"stage {following.stage}: {following.pending:,} calls are in open batches; collect later")
    if following.free:
        typer.echo(
            f"stage {following.stage}: {following.free:,} calls are left; populace batch submit {study}"
        )
