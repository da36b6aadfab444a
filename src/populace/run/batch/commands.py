"""`submit`, `status`, `cancel` and `collect`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import chain
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from populace.errors import BudgetError, ModelError
from populace.models.openai_batch import ENDED, BatchService, MissingError
from populace.models.protocol import Price
from populace.models.records import Request
from populace.run.batch.desk import Desk
from populace.run.batch.feed import BatchLimits, Feed, Gate
from populace.run.batch.harvest import Collected, harvest, missed
from populace.run.batch.spool import Spool
from populace.run.batch.submission import Submission
from populace.run.journal import Journal
from populace.run.limits import CHARACTERS_PER_TOKEN, Budget, Retries
from populace.run.prices import price_of

if TYPE_CHECKING:
    from populace.models.openai import OpenAI

__all__ = ["PRICE_FACTOR", "Submitted", "batch_price", "cancel", "collect", "status", "submit"]

PRICE_FACTOR = 0.5
"""What a call in a batch costs, as a share of the price of the same call made live (OpenAI's)."""
_RETRIES = Retries(attempts=5, cap=10.0)


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What one `submit` did."""

    submissions: list[Submission]
    """Batches it sent, or found at the service without our knowing; one that was not taken says so."""
    closed: list[Submission]
    """Earlier batches that turned out to have failed, or never to have been sent: their requests are free."""
    waiting: int
    """Requests left for a later `submit`."""
    reason: str
    """Why they wait; empty where none does."""


def batch_price(provider: OpenAI, factor: float = PRICE_FACTOR) -> Price | None:
    """Price of calls in a batch: that given with the model times `factor`, else the vendor's batch price.

    Examples
    --------
    >>> from populace.models.openai import OpenAI
    >>> batch_price(OpenAI("m", price={"input": 1.0, "output": 4.0}))
    Price(input=0.5, output=2.0, cached_input=None, source='')
    """
    priced = price_of(provider, batch=True)
    if priced is None or priced.looked_up:
        return priced and priced.high
    full = priced.high
    cached = None if full.cached_input is None else factor * full.cached_input
    return msgspec.structs.replace(
        full, input=factor * full.input, output=factor * full.output, cached_input=cached
    )


async def submit(
    requests: Iterable[Request],
    provider: OpenAI,
    journal: Journal,
    *,
    stage: str,
    limits: BatchLimits | None = None,
    window: str = "24h",
    budget: Budget | None = None,
    price_factor: float = PRICE_FACTOR,
    retry_errors: bool = False,
    retries: Retries = _RETRIES,
    progress: Callable[[Submission], None] = lambda submission: None,
) -> Submitted:
    """Send every request that is neither answered nor in an open batch, in as many files as it takes.

    Files are cut at `limits` and written one at a time, each sent before the next is begun. What an earlier
    `submit` began is first found at the service, or given up and cut anew. Where the service takes no more
    (tokens that may wait are limited), the rest waits for a later `submit`.

    Parameters
    ----------
    requests
        The plan of one stage, expanded lazily.
    window
        Time that the service has.
    budget
        The most that the journal's calls may cost, counting open batches at the most they may cost.
    price_factor
        Share of the model's given price that a call in a batch costs.
    retry_errors
        Send requests again whose failure is their own, and those of a batch that failed as a whole.
    progress
        Called with each batch that was sent or refused, and each earlier one found to be closed.

    Raises
    ------
    BudgetError
        The next request could exceed the budget. What fits within it has been submitted.
    ModelError
        The service cannot be used, the plan was made for another model, or the stage's last batch failed
        for a reason that does not pass by itself and `retry_errors` is not given.
    """
    budget, price = budget or Budget(), batch_price(provider, price_factor)
    if price is None:
        budget.check(provider)
    async with BatchService(provider) as service:
        desk = _desk(provider, journal, service, retries)
        found = await desk.settle()
        closed = [
            seen for seen in [*found, *[await desk.look(known) for known in desk.open()]] if seen.closed
        ]
        for known in closed:
            progress(known)
        desk.tidy()
        stuck = None if retry_errors else desk.failed(stage)
        reason = stuck.message if stuck else ""
        feed = await Feed.start(desk, stage, retry_errors)
        gate = Gate(desk, limits or BatchLimits(), budget, price)
        left, made, waiting = feed.left(requests), [], 0
        over = next(left, None)
        while over is not None and not reason and not (reason := gate.shut(over)):
            submission, over = _fill(desk, chain([over], left), gate, stage, window)
            made.append(await desk.send(submission))
            progress(made[-1])
            # A batch is checked after it was taken, and the next would be refused for the same reason.
            made = [await desk.look(known) if known.state == "validating" else known for known in made]
            refused = [known for known in made if known.closed]
            reason = next((known.message for known in refused), "")
            stuck = desk.failed(stage)
            waiting = sum(known.size.requests for known in refused)
        waiting += (over is not None) + sum(1 for _ in left)
        feed.finish()
    if gate.spent:
        raise BudgetError(
            f"{reason}: {waiting:,} calls of stage {stage!r} are left, batches submitted now: {len(made)}",
            fix="raise the budget and submit again; what was submitted is kept",
        )
    if stuck and waiting:
        raise ModelError(
            f"batch {stuck.batch} of stage {stage!r} failed, and {waiting:,} calls are left: {stuck.message}",
            fix="mend that, then submit with --retry-errors",
        )
    ended = {known.intent for known in closed}
    adopted = [known for known in found if known.intent not in ended]
    return Submitted(
        submissions=adopted + made, closed=closed, waiting=waiting, reason=reason if waiting else ""
    )


async def status(provider: OpenAI, journal: Journal, *, retries: Retries = _RETRIES) -> list[Submission]:
    """Ask the service how far this model's batches are; closed ones are returned as they were closed.

    One that the service does not know is in state `missing`.
    """
    async with BatchService(provider) as service:
        desk = _desk(provider, journal, service, retries)
        await desk.adopt()
        return [await _seen(desk, known) for known in desk.mine()]


async def _seen(desk: Desk, known: Submission) -> Submission:
    try:
        return known if known.closed else await desk.look(known)
    except MissingError as error:
        return msgspec.structs.replace(known, state="missing", message=error.what)


async def cancel(provider: OpenAI, journal: Journal, *, retries: Retries = _RETRIES) -> list[Submission]:
    """Stop this model's open batches; `collect` reads what they answered, and the rest is free again.

    A submission that was never sent is closed.
    """
    async with BatchService(provider) as service:
        desk = _desk(provider, journal, service, retries)
        stopped = [known for known in await desk.settle() if known.closed]
        for known in [await desk.look(known) for known in desk.open() if known.batch]:
            if known.closed or known.state in ENDED or known.state == "cancelling":
                stopped.append(known)
            else:
                await desk.patiently(lambda batch=known.batch or "": service.cancel(batch))
                stopped.append(await desk.look(known))
        return stopped


async def collect(
    provider: OpenAI,
    journal: Journal,
    *,
    price_factor: float = PRICE_FACTOR,
    retries: Retries = _RETRIES,
    progress: Callable[[Submission, Collected], None] = lambda submission, collected: None,
) -> Collected:
    """Read the answers of batches that have ended into the journal.

    A batch that expired or was cancelled is read as far as it came; requests without an answer are free for
    the next `submit` or live run. Collecting twice, or again after a kill, gives the same rows.

    Parameters
    ----------
    price_factor
        Share of the model's given price that a call in a batch costs.
    progress
        Called after each batch, with the figures so far.

    Raises
    ------
    ModelError
        The service cannot be used, its files or our requests of a batch are gone, or calls were denied for
        want of credit or rights. What could be read is in the journal.
    """
    price = batch_price(provider, price_factor)
    collected = Collected(dollars=None if price is None else 0.0)
    async with BatchService(provider) as service:
        desk = _desk(provider, journal, service, retries)
        unsent = [known for known in await desk.adopt() if known.closed]
        for known in [*unsent, *desk.open()]:
            progress(await _gather(desk, known, collected, price), collected)
        desk.tidy()
    _complain(desk, collected)
    return collected


async def _gather(desk: Desk, known: Submission, collected: Collected, price: Price | None) -> Submission:
    """Read one submission as far as it has come; return it as the service describes it."""
    try:
        seen = known if known.closed else await desk.look(known)
        if seen.closed:
            collected.broken.append(seen)
            collected.freed += seen.size.requests
        elif seen.state not in ENDED:
            collected.open += 1
        else:
            await harvest(desk, known, collected, price)
    except MissingError as error:
        return missed(desk, known, collected, error)
    return seen


def _complain(desk: Desk, collected: Collected) -> None:
    """Raise for what stands in the way of batches, after all others have been read."""
    if collected.missing:
        names = ", ".join(f"{known.batch} ({known.message})" for known in collected.missing)
        raise ModelError(
            f"the service does not have all of {names}; every other batch was read",
            fix="use the key and address of the account that submitted it, then collect again",
        )
    if collected.unreadable:
        stages = ", ".join(dict.fromkeys(known.stage for known in collected.unreadable))
        raise ModelError(
            f"the requests of {len(collected.unreadable)} batches are not in {desk.spool.folder}, so their "
            "answers cannot be read",
            fix=f"submit stage {stages} again, which writes them again and sends none twice; then collect",
        )
    if collected.denied:
        raise ModelError(
            f"the service denied calls of a batch: {collected.denied}",
            fix="mend that, then submit again; every answer there was is in the journal",
        )


def _desk(provider: OpenAI, journal: Journal, service: BatchService, retries: Retries) -> Desk:
    def line(key: str, request: Request) -> bytes:
        head = f'{{"custom_id":"{key}","method":"POST","url":"/v1/chat/completions","body":'
        return head.encode() + provider.encode(request) + b"}"

    count: Callable[[str], int] = getattr(provider, "count_tokens", _approximate)
    return Desk(provider, journal, service, Spool(journal.path.parent, line, count), retries)


def _approximate(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def _fill(
    desk: Desk, requests: Iterable[Request], gate: Gate, stage: str, window: str
) -> tuple[Submission, Request | None]:
    """Write the next file, and the intent to submit it."""
    intent = token_hex(8)
    size, over = desk.spool.write(intent, requests, gate.room())
    submission = Submission(
        intent=intent,
        stage=stage,
        model=desk.provider.model,
        endpoint=desk.provider.endpoint,
        window=window,
        size=size,
        dollars_max=gate.dollars(size),
        at=time.time(),
    )
    return desk.keep(submission), over
