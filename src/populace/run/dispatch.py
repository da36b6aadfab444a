"""From groups to journalled answers: which call starts when, and what becomes of it.

One dispatcher takes groups from the plan in its order, which is what prefix caches reward, and starts each
when the endpoint's lane and the budget have room for it. What failed and may pass waits its turn beside
the plan and goes first when due. In memory are the calls in flight and those that wait, however long the
plan is.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from populace.errors import BudgetError, JournalError, ModelError, PopulaceError
from populace.models.protocol import Provider
from populace.models.records import Failure, Result, Usage
from populace.run.calls import Call, may_change, method, storable
from populace.run.figures import RunStats, dollars
from populace.run.journal import Journal, Record
from populace.run.lanes import Lanes
from populace.run.limits import Budget, Cost, Meter, Retries
from populace.run.order import Group, Streams

__all__ = ["Dispatch"]

_log = logging.getLogger(__name__)

_SKIPPED_IN_A_ROW = 512
"""Answered groups passed over before calls in flight get their turn."""
_WAITING = 4
"""Calls that may wait to be tried again, for each call that may be in flight."""
_LANDING = 30.0
"""Seconds that calls in flight are given to land when the run is interrupted."""
_HEARTBEAT = 1.0
"""Seconds after which the figures are shown again though nothing landed."""
_USELESS = 20
"""Calls in a row, with no answer before them, after whose unreadable answers the run ends."""
_OTHERS = 0.05
"""Seconds between looks at a lane that another run of the same process fills."""


@dataclass(kw_only=True)
class Dispatch:
    """One stage being carried out; the parameters are those of `engine.carry_out`."""

    provider: Provider
    journal: Journal
    stats: RunStats
    groups: Iterator[Group]
    progress: Callable[[RunStats], None]
    budget: Budget | None
    retries: Retries
    timeout: float
    lanes: Lanes
    retry_errors: bool

    def __post_init__(self) -> None:
        self.lane = self.lanes.of(self.provider)
        self.lane.window.forget()
        self.streams = Streams(self.groups, self.provider.caches)
        self.meter = Meter(self.provider.price)
        self.begun = time.monotonic()
        self.order = itertools.count()
        self.taken: set[str] = set()
        """Keys in flight or waiting, and keys that failed in this run."""
        self.next: Call | None = None
        """Taken from the plan, not started yet."""
        self.later: list[tuple[float, int, Call]] = []
        """Calls that wait to be tried again, by the time when they are due."""
        self.reserved = Cost()
        """What the calls that were started and have not been journalled may take."""
        self.landed: list[Record] = []
        """Finished calls that go to the journal together."""
        self.freed = Cost()
        """What was reserved for them."""
        self.tasks: dict[asyncio.Task[None], Call] = {}
        """Calls in flight."""
        self.denied: list[Call] = []
        """Calls that were refused as every call might be; rows once another is answered."""
        self.useless = 0
        """Answers in a row that could not be read, with no other before them."""
        self.shown = self.begun
        self.changed = asyncio.Event()
        self.ended = False
        """Whether the plan is at its end."""
        self.spent: str | None = None
        """How the budget was reached, with calls left."""
        self.error: BaseException | None = None

    async def run(self) -> None:
        """Carry the plan out; whatever ends it, what has landed is journalled."""
        try:
            await self.dispatch()
            if self.tasks:
                await asyncio.wait(self.tasks)
            if self.lane.complaint and not self.lane.alive:
                self.error = self.error or self.unreachable()
            if self.denied and not self.stats.answered:
                self.error = self.error or self.forbidden()
            elif not self.error:
                for call in self.denied:
                    self.land(call, call.settled.values())
                self.denied.clear()
        except asyncio.CancelledError:
            if self.tasks:
                _log.warning(
                    "stopping: %d calls in flight may land; interrupt again to drop them", len(self.tasks)
                )
                await asyncio.wait(self.tasks, timeout=_LANDING)
            raise
        finally:
            dropped = list(self.tasks.values())
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            self.close(dropped)
        if self.error:
            raise self.error
        if self.spent:
            raise BudgetError(
                f"{self.spent}, and calls of stage {self.stats.stage!r} are left",
                fix="raise the budget and run the same command again; what is paid for is kept",
            )

    async def dispatch(self) -> None:
        """Start calls as there is room for them, until nothing is left to start."""
        while not self.error:
            now = time.monotonic()
            if self.lane.lost(now, self.retries.patience):
                if not self.give_up():
                    self.error = self.unreachable()
                return
            choice = self.choose(now)
            if isinstance(choice, Call):
                self.start(choice, now)
            elif choice == 0:
                await asyncio.sleep(0)
            elif choice is None and not self.tasks:
                return
            else:
                await self.pause(choice)

    def give_up(self) -> bool:
        """Fail the calls that wait, where they are the last of the plan and the server has answered others.

        One of them may be what breaks every connection, and would hold up all later runs.
        """
        if not (self.ended and self.next is None and self.lane.alive):
            return False
        for _, _, call in self.later:
            self.land(call, call.settled.values())
        self.later.clear()
        return True

    def choose(self, now: float) -> Call | float | None:
        """Give the call to start now; else the seconds to wait, None standing for the next landing."""
        if self.lane.full():
            return None if self.tasks else _OTHERS
        due = self.later[0][0] - now if self.later else None
        if due is not None and due <= 0:
            return self.held(self.later[0][2], now, None) or heapq.heappop(self.later)[2]
        room = len(self.later) < _WAITING * self.lane.window.limit
        if self.next is None and not self.ended and room and not self.take():
            return 0.0
        if self.next is None or not self.affordable(self.next):
            return due
        return self.held(self.next, now, due) or self.admit(self.next)

    def held(self, call: Call, now: float, due: float | None) -> float:
        """Seconds for which the lane holds the call back, or until another is due; 0 where it may start."""
        wait = self.lane.wait(call.most.tokens, now)
        if wait > 0:
            self.wait_for("server away" if self.lane.away else "rate limit")
        return wait if due is None else min(wait, due)

    def affordable(self, call: Call) -> bool:
        """Whether the budget has room for the call; where it has not, and nothing lands any more, it ends."""
        if self.budget is None:
            return True
        spent = self.budget.reached(self.journal.totals, self.reserved + call.most)
        if spent and not (self.tasks or self.later or self.landed):
            self.spent, self.ended, self.next = spent, True, None
        elif spent:
            self.wait_for("budget")  # what is under way may take less than it might
        return not spent

    def wait_for(self, what: str) -> None:
        """Show why nothing is started just now."""
        if self.stats.waiting != what:
            self.stats.waiting = what
            self.report()

    def admit(self, call: Call) -> Call:
        """Take the call out of the plan."""
        self.next = None
        self.reserved += call.most
        return call

    def take(self) -> bool:
        """Take the next group with work left from the plan; False where many were passed over first."""
        for _ in range(_SKIPPED_IN_A_ROW):
            group = next(self.streams, None)
            if group is None:
                self.ended = True
                return True
            failed = self.stats.failed
            own = {key for key in group if self.left(key)}
            self.stats.reused += len(group) - len(own) - (self.stats.failed - failed)
            if own:
                self.check(group)
                self.taken |= own
                self.next = Call(group, own, self.meter.most(group.values()))
                return True
            self.streams.landed(group)
        self.report()
        return False

    def left(self, key: str) -> bool:
        """Whether this run has to ask for `key`; one that it does not is counted."""
        if key in self.journal or key in self.taken:
            return False
        failure = None if self.retry_errors else self.journal.failure(key)
        if failure and not failure.retryable:
            self.stats.fail(failure)
            self.taken.add(key)
            return False
        return True

    def check(self, group: Group) -> None:
        """Stop a plan made for another model: its answers would be journalled under the wrong name."""
        for request in group.values():
            if request.model != self.provider.model:
                stage, model = self.stats.stage, self.provider.model
                raise ModelError(f"a request of stage {stage!r} is for {request.model}, not {model}")

    async def pause(self, wait: float | None) -> None:
        """Wait for a landing, at most so many seconds and never longer than a look at the clock is worth."""
        self.changed.clear()
        seconds = _HEARTBEAT if wait is None else min(wait, _HEARTBEAT)
        alarm = asyncio.get_running_loop().call_later(seconds, self.changed.set)
        await self.changed.wait()
        alarm.cancel()
        if time.monotonic() - self.shown > _HEARTBEAT:
            self.report()

    def start(self, call: Call, now: float) -> None:
        """Send a call off."""
        self.stats.waiting = ""
        self.lane.start(call.most.tokens, now)
        task = asyncio.get_running_loop().create_task(self.attempt(call, now))
        self.tasks[task] = call
        task.add_done_callback(self.finished)

    def finished(self, task: asyncio.Task[None]) -> None:
        """Let go of a call's task; an error that nobody expected there ends the run."""
        del self.tasks[task]
        if not task.cancelled() and (error := task.exception()):
            self.error = self.error or error
        self.changed.set()

    async def attempt(self, call: Call, start: float) -> None:
        """Ask once, and see to what came back."""
        try:
            results = await self.ask(call.group)
        except BaseException as error:
            self.lane.dropped()
            if isinstance(error, Exception):
                self.error = self.error or error
                return
            raise
        now = time.monotonic()
        call.seconds += now - start
        self.lane.landed(results, call.most.tokens, now - start, now)
        self.lane.hear(self.provider.quota)
        self.settle(call, results, now)

    async def ask(self, group: Group) -> list[Result]:
        """Ask the provider once, and hold it to its protocol."""
        requests = list(group.values())
        seconds = self.timeout * len(requests)
        try:
            async with asyncio.timeout(seconds):
                results = await method(self.provider, requests[0])(requests)
        except TimeoutError:
            message = f"no answer within {seconds:g} s"
            return [Failure(key=key, boundary="timeout", message=message, retryable=True) for key in group]
        if [result.key for result in results] != list(group):
            raise ModelError(
                f"{self.provider.model} did not answer the requests it was given, in their order"
            )
        return [storable(result) for result in results]

    def settle(self, call: Call, results: list[Result], now: float) -> None:
        """Journal the call, or have it wait for another try."""
        failures: list[Failure] = []
        for result in results:
            key = result.key
            before = call.settled.get(key)
            if key in call.own and (before is None or may_change(before)):
                call.settled[key] = result
                if isinstance(result, Failure):
                    failures.append(result)
                else:
                    self.meter.learn(call.group[key], result)
        self.watch(len(failures) < len(results), failures)
        if not failures:
            self.land(call, call.settled.values())
        elif any(failure.boundary == "access" for failure in failures):
            self.denied.append(call)
            if len(self.denied) >= max(3, len(self.tasks)):
                self.error = self.error or self.forbidden()
        else:
            # A server that cannot be reached costs no tries: patience is the limit there.
            away = self.lane.away and all(failure.boundary == "connection" for failure in failures)
            call.tried += not away
            pause = self.retries.pause(call.tried, failures)
            if pause is None:
                self.land(call, call.settled.values())
            else:
                self.stats.retries += 1
                self.pay(call, failures)
                # A server that is away is called again when its lane says so.
                pause = 0.0 if self.lane.away else pause
                heapq.heappush(self.later, (now + pause, next(self.order), call))

    def watch(self, answered: bool, failures: list[Failure]) -> None:
        """Tell what holds for every call from what is one call's own."""
        if answered:
            self.useless = 0
            for call in self.denied:
                self.land(call, call.settled.values())
            self.denied.clear()
        elif not self.stats.answered and all(failure.boundary == "answer" for failure in failures):
            self.useless += 1
            if self.useless >= _USELESS:
                self.error = self.error or ModelError(
                    f"{self.provider.model} gives no usable answer: {failures[0].message}",
                    fix="check that base_url is that of an OpenAI-compatible server",
                )

    def pay(self, call: Call, failures: list[Failure]) -> None:
        """Journal what failed tries took, so that the budget and the manifest see it."""
        paid = [failure for failure in failures if failure.usage != Usage()]
        if paid:
            self.journal.append(self.records(call, paid))
            call.seconds = 0.0
            for failure in paid:
                self.stats.add(failure.usage, self.provider.price)

    def records(self, call: Call, results: Iterable[Result]) -> list[Record]:
        """Make the journal's records of results of a call."""
        at, seconds = round(time.time(), 3), round(call.seconds / len(call.group), 4)
        price, stage = self.provider.price, self.stats.stage
        return [
            Record(stage=stage, result=r, seconds=seconds, at=at, dollars=dollars(r.usage, price))
            for r in results
        ]

    def land(self, call: Call, results: Iterable[Result]) -> None:
        """Hand finished results to the journal; those of one turn of the event loop go in one write."""
        if not self.landed:
            asyncio.get_running_loop().call_soon(self.flush)
        self.landed += self.records(call, results)
        call.settled = {}  # handed over once, also where the run ends before the call's task is let go
        self.freed += call.most
        self.streams.landed(call.group)

    def flush(self) -> None:
        """Journal and count what has landed."""
        records, self.landed = self.landed, []
        freed, self.freed = self.freed, Cost()
        try:
            try:
                self.journal.append(records)
            except JournalError:
                self.landed = records + self.landed  # tried once more when the run closes
                raise
            self.reserved -= freed
            for record in records:
                self.count(record)
            if records:
                self.report()
        except Exception as error:
            # The event loop would only log it, and calls would go on whose answers are kept nowhere.
            self.error = self.error or error
        self.changed.set()

    def count(self, record: Record) -> None:
        """Add one landed call to the figures."""
        result = record.result
        self.stats.add(result.usage, self.provider.price)
        if isinstance(result, Failure):
            self.stats.fail(result)
            return
        self.taken.discard(result.key)
        self.stats.answered += 1

    def report(self) -> None:
        """Show the figures."""
        stats, self.shown = self.stats, time.monotonic()
        stats.seconds = self.shown - self.begun
        stats.in_flight, stats.limit = self.lane.in_flight, self.lane.window.limit
        self.progress(stats)

    def close(self, dropped: list[Call]) -> None:
        """Journal what has landed, and what was answered of groups that miss a rest of theirs."""
        for call in [*(call for _, _, call in self.later), *dropped, *self.denied]:
            if answers := call.answers():
                self.land(call, answers)
        self.flush()
        try:
            self.journal.sync()
        except PopulaceError as error:
            self.error = self.error or error

    def unreachable(self) -> ModelError:
        """Build the error for a server that is not there, or no longer."""
        verb = "has gone away" if self.lane.away else "wants to be left alone for long"
        verb = verb if self.lane.alive else "cannot be reached"
        return ModelError(
            f"{self.provider.model} {verb}: {self.lane.complaint}",
            fix="check the address and that the server runs, then run the same command again",
        )

    def forbidden(self) -> ModelError:
        """Build the error for a server that refuses whatever it is asked."""
        failures = [result for result in self.denied[-1].settled.values() if isinstance(result, Failure)]
        failure = next(failure for failure in failures if failure.boundary == "access")
        return ModelError(
            f"{self.provider.model} refuses every call: {failure.message}",
            fix="mend the key, the model's name or the account, then run the same command again",
        )
