"""The distributed engine: shards, the shared budget, and a real two-node Ray cluster with a node killed."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.canonical import content_hash, file_hash
from populace.errors import BudgetError, JournalError, ModelError, PopulaceError
from populace.models import open_model
from populace.models.openai_batch import QueueFullError
from populace.models.protocol import Quota
from populace.models.records import ChooseRequest, Completion, Failure, GenerateRequest, Message
from populace.models.scripted import Scripted
from populace.run import Budget, Journal, Record, RunStats, execute, write_calls
from populace.run.distributed import distribute, joined, worker
from populace.run.distributed.cluster import share_out
from populace.run.distributed.ledger import LeasedBudget, Ledger, spent
from populace.run.distributed.shards import Shards
from populace.run.distributed.spool import Spool, check_mark, pack, read_shard, shard_of
from populace.run.distributed.worker import Complaint, Job, carry_task
from populace.run.engine import cut
from populace.run.journal import Totals
from populace.run.limits import Cost

MODEL = "scripted@1/exact"


def ask(text: str, persona: str = "You are Ada.", model: str = MODEL) -> GenerateRequest:
    return GenerateRequest(
        model=model, messages=(Message("system", persona), Message("user", text)), max_tokens=4
    )


def plan(n: int, personas: int = 12) -> list[GenerateRequest]:
    return [ask(f"q {i}", f"You are {i * personas // n}.") for i in range(n)]


def answer(key: str, text: str = "yes") -> Record:
    return Record(stage="s", result=Completion(key=key, text=text), seconds=0.1, at=0.0)


def failure(key: str, *, retryable: bool) -> Record:
    boundary = "server" if retryable else "content filter"
    result = Failure(key=key, boundary=boundary, message="no", retryable=retryable)
    return Record(stage="s", result=result, seconds=0.1, at=0.0)


def filled(folder, groups, journal, shards=8, affinity="prefix", **settings):
    spool = Spool(Path(folder), shards, affinity)
    stats = RunStats(stage="s")
    for _ in spool.fill(groups, journal, MODEL, stats, **{"retry_errors": False} | settings):
        pass
    return spool, stats


def spooled(folder, shards=8):
    """Groups of every shard that has any, with the keys that are not its own."""
    found = {}
    for shard in range(shards):
        if (Path(folder) / "spool" / f"{shard:04d}.jsonl.gz").exists():
            found[shard] = list(read_shard(Path(folder), shard))
    return found


# Shards and the spool


def test_a_shard_is_a_function_of_content():
    groups = list(cut(plan(120), 1))
    by_prefix = [shard_of(group, 16, "prefix") for group in groups]
    # Ten requests a persona, in the order of the plan: all ten are in one shard.
    assert all(len(set(by_prefix[i : i + 10])) == 1 for i in range(0, 120, 10))
    assert len(set(by_prefix)) > 4
    assert len({shard_of(group, 16, "key") for group in groups}) == 16
    # printf "system Ada" | b2sum -l 64 ends in dc, "system Bob" in f8: 220 and 248 modulo 64.
    assert [shard_of({r.key: r}, 64, "prefix") for r in (ask("a", "Ada"), ask("a", "Bob"))] == [28, 56]


@given(
    texts=st.lists(st.sampled_from([f"q{i}" for i in range(12)]), max_size=40),
    size=st.integers(1, 4),
    answered=st.sets(st.integers(0, 11)),
    shards=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_every_key_left_belongs_to_one_shard(texts, size, answered, shards):
    requests = [ask(text, f"persona {text[-1]}") for text in texts]
    done = {ask(f"q{i}", f"persona {str(i)[-1]}").key for i in answered}
    groups = list(cut(requests, size))
    with tempfile.TemporaryDirectory() as folder, Journal(folder) as journal:
        journal.append([answer(key) for key in done])
        spool, stats = filled(folder, groups, journal, shards)
        found = spooled(folder, shards)
    owned = [key for lines in found.values() for _, own in lines for key in own]
    assert sorted(owned) == sorted({request.key for request in requests} - done)
    assert spool.asked == len(owned) == sum(spool.sizes.values())
    assert stats.reused + spool.asked == sum(map(len, groups))
    for shard, lines in found.items():
        # Whole groups, in the order of the plan, and a key is owned by the first group that holds it.
        rest = iter(groups)
        assert all(any(list(group) == list(other) for other in rest) for group, _ in lines)
        assert all(shard_of(group, shards, "prefix") == shard for group, _ in lines)
        for group, own in lines:
            first = {key: next(g for g in groups if key in g) for key in own}
            assert all(list(g) == list(group) for g in first.values())


def test_failures_of_their_own_are_kept_unless_asked_for(tmp_path):
    filtered, passing, fresh = requests = [ask("a"), ask("b"), ask("c")]
    with Journal(tmp_path) as journal:
        journal.append([failure(filtered.key, retryable=False), failure(passing.key, retryable=True)])
        spool, stats = filled(tmp_path, cut(requests, 1), journal)
        assert (spool.asked, stats.failed, stats.errors) == (2, 1, {"content filter": 1})
        (lines,) = spooled(tmp_path).values()
        assert [next(iter(own)) for _, own in lines] == [passing.key, fresh.key]
        spool, stats = filled(tmp_path, cut(requests, 1), journal, retry_errors=True)
        assert (spool.asked, stats.failed) == (3, 0)
        spool.close()
        assert not spool.folder.exists()


def test_a_spool_left_by_a_killed_run_is_replaced(tmp_path):
    with Journal(tmp_path) as journal:
        filled(tmp_path, cut(plan(40), 1), journal)
        spool, _ = filled(tmp_path, cut(plan(40)[:3], 1), journal)
        assert sum(len(lines) for lines in spooled(tmp_path).values()) == spool.asked == 3


def test_a_plan_for_another_model_is_refused(tmp_path):
    with Journal(tmp_path) as journal, pytest.raises(ModelError, match=r"for other@1, not scripted@1/exact"):
        filled(tmp_path, cut([ask("a", model="other@1")], 1), journal)


def test_a_spool_that_cannot_be_written_says_so(tmp_path):
    with Journal(tmp_path) as journal:
        (tmp_path / "spool").write_text("in the way")
        with pytest.raises(JournalError, match="the plan cannot be spooled"):
            filled(tmp_path, cut([ask("a")], 1), journal)


def test_a_node_that_sees_another_folder_says_so(tmp_path):
    with Journal(tmp_path) as journal:
        spool, _ = filled(tmp_path, cut([ask("a")], 1), journal)
    check_mark(tmp_path, spool.mark)
    with pytest.raises(JournalError, match=r"does not see the run's folder .* disk that all nodes share"):
        check_mark(tmp_path, "of an earlier run")
    with pytest.raises(JournalError, match="does not see the run's folder"):
        check_mark(tmp_path / "nowhere", spool.mark)


# Tasks: some shards as one stream


@given(
    sizes=st.dictionaries(st.integers(0, 63), st.integers(0, 300), max_size=64),
    workers=st.integers(1, 20),
    enough=st.integers(1, 2000),
)
def test_tasks_hold_every_shard_once_and_enough_calls(sizes, workers, enough):
    tasks = pack(sizes, workers, enough)
    assert sorted(shard for task in tasks for shard in task) == sorted(n for n in sizes if sizes[n])
    loads = [sum(sizes[shard] for shard in task) for task in tasks]
    assert loads == sorted(loads, reverse=True)
    filled = len([size for size in sizes.values() if size])
    # No worker is without a task where there is one for it, and none has one more than another.
    assert len(tasks) == filled or len(tasks) % workers == 0
    assert len(tasks) >= min(workers, filled)
    if len(tasks) > workers:
        assert sum(loads) >= enough * len(tasks)
    if loads:  # none is larger than the smallest one by more than a shard
        assert loads[0] - loads[-1] <= max(sizes.values())


def test_sixty_calls_are_two_tasks_and_a_hundred_thousand_fill_their_workers():
    sixty = dict.fromkeys(range(60), 1) | dict.fromkeys(range(60, 64), 0)
    assert [len(task) for task in pack(sixty, 2, 8 * 64)] == [30, 30]
    many = dict.fromkeys(range(64), 1563)
    assert len(pack(many, 2, 8 * 64)) == 64  # 195 tasks would be large enough, but there are 64 shards
    assert [len(task) for task in pack(many, 2, 8 * 512)] == [3] * 16 + [2] * 8


def test_shards_of_a_task_keep_their_own_journals(tmp_path):
    requests = plan(24)
    with Journal(tmp_path) as journal:
        spool, _ = filled(tmp_path, cut(requests, 1), journal)
    numbers = [n for n in spool.sizes if spool.sizes[n]]
    with Shards(tmp_path, numbers) as shards:
        keys = [key for group in shards.groups() for key in group]
        assert sorted(keys) == sorted(request.key for request in requests)
        assert not any(key in shards for key in keys)
        assert "00" * 16 in shards  # not for these shards to ask
        # A try that is paid for, and the answer that follows.
        shards.append([failure(keys[0], retryable=True)])
        assert keys[0] not in shards
        shards.append([answer(key) for key in keys])
        shards.append([answer(key) for key in keys])  # handed over again, as after a failed write
        assert all(key in shards for key in keys)
        assert sum(stage.answered for stage in shards.totals.values()) == 24
    for number in numbers:
        with Journal(tmp_path, shard=f"{number:04d}") as part:
            own = {key for group, _ in read_shard(tmp_path, number) for key in group}
            assert {record.result.key for record in part} == own
    assert sorted(answers_written(tmp_path)) == sorted(keys)


# The budget


@given(
    limit=st.integers(0, 400),
    costs=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30), st.integers(0, 30)), max_size=60),
    before=st.integers(0, 50),
)
@settings(max_examples=200, deadline=None)
def test_workers_together_keep_the_budget(limit, costs, before):
    """Four workers, each call taking at most what was said of it: never a token too much."""
    ledger = Ledger(Budget(tokens=limit), Cost(tokens=before), workers=4)
    journals = [{"s": Totals(prompt_tokens=7 * i)} for i in range(4)]  # of earlier runs, within `before`
    budgets = []
    for i, totals in enumerate(journals):
        ledger.begin(str(i), spent(totals))

        def lease(now, more, shard=str(i)):
            return ledger.lease(shard, now, more)

        budgets.append(LeasedBudget(tokens=limit, ask=lease, lease=[spent(totals)]))
    used, flying, denied = 0, [], None
    for at, most, less in costs:
        reserved = sum(m for i, m, _ in flying if i == at)
        if budgets[at].reached(journals[at], Cost(tokens=reserved + most)):
            denied = most
        else:
            flying.append((at, most, max(most - less, 0)))
            assert before + used + sum(m for _, m, _ in flying) <= limit
        if len(flying) > 5:
            i, _, real = flying.pop(0)
            journals[i]["s"].prompt_tokens += real
            used += real
    for i, _, real in flying:
        journals[i]["s"].prompt_tokens += real
        used += real
    assert before + used <= max(limit, before)
    # What workers held goes back when they end: then there is room for whatever fits.
    for i, totals in enumerate(journals):
        ledger.end(str(i), spent(totals))
    if denied:
        refused = budgets[0].reached(journals[0], Cost(tokens=denied))
        assert bool(refused) == (before + used + denied > limit)


def test_a_shard_begun_again_keeps_its_account():
    ledger = Ledger(Budget(tokens=100), Cost(), workers=1)
    ledger.begin("0", Cost(tokens=10))
    lease, _ = ledger.lease("0", Cost(tokens=10), Cost(tokens=60))
    assert lease is not None
    assert lease.tokens == 10 + 60 + 40 / 4
    # The worker dies with 50 journalled; the next one finds them in the shard's journal.
    assert ledger.begin("0", Cost(tokens=60)) == 2
    assert ledger.lease("0", Cost(tokens=60), Cost(tokens=51)) == (None, "50 of 100 tokens are spent")
    assert ledger.lease("0", Cost(tokens=60), Cost(tokens=50))[0] == Cost(110, float("inf"))


def test_dollars_are_leased_as_tokens_are():
    ledger = Ledger(Budget(dollars=1.0), spent({"s": Totals(known_dollars=0.5, dollars=None)}), workers=1)
    ledger.begin("0", Cost())
    assert ledger.lease("0", Cost(), Cost(dollars=0.6)) == (None, "$0.50 of $1.00 are spent")
    lease, _ = ledger.lease("0", Cost(), Cost(dollars=0.3))
    assert lease is not None
    assert lease.dollars == pytest.approx(0.35)


def test_one_word_stops_all_workers():
    ledger = Ledger(None, Cost(), workers=2)
    assert ledger.report("a", RunStats(stage="s")) == ""
    ledger.halt("a wrong key")
    ledger.halt("something later")
    assert ledger.report("a", RunStats(stage="s", answered=3)) == "a wrong key"
    assert [stats.answered for stats in ledger.figures()] == [3]


# Workers in this process: what is the same for every cluster


class Direct:
    """A handle as Ray gives it, to an object in this process."""

    def __init__(self, ledger):
        self._ledger = ledger

    def __getattr__(self, name):
        method = getattr(self._ledger, name)

        class Value:
            def __init__(self, *arguments):
                self.value = method(*arguments)

            def __await__(self):
                yield from asyncio.sleep(0).__await__()
                return self.value

        return SimpleNamespace(remote=Value)


@pytest.fixture
def at_once(monkeypatch):
    """Carry tasks out in this process, one after the other."""

    def run(folder, requests, opened, *, shards=8, budget=None, size=None, enough=1):
        monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda reference: reference.value))
        monkeypatch.setattr(worker, "open_model", lambda spec: opened())
        monkeypatch.setattr(worker, "_seat", None)
        with Journal(folder) as journal:
            spool, _ = filled(folder, cut(requests, size or opened().batch_size), journal, shards)
            job = Job(
                folder=str(folder),
                mark=spool.mark,
                spec="scripted",
                stage="s",
                tasks=pack(spool.sizes, 1, enough),
                workers=4,
                budget=budget,
                retries=None,
                timeout=60.0,
                retry_errors=False,
            )
            ledger = Ledger(budget, spent(journal.totals), workers=4)
            rows = [carry_task({"task": n}, job, Direct(ledger)) for n in range(len(job.tasks))]
            spool.close()
            journal.refresh()
            write_calls(journal, Path(folder) / "calls.parquet")
            return [msgspec.json.decode(row["outcome"], type=worker.Outcome) for row in rows], dict(
                journal.totals
            )

    yield run
    if worker._seat is not None:
        worker._seat.leave()


class Batched(Scripted):
    """Answers depend on the whole batch, as those of a model on this machine do."""

    async def generate(self, requests):
        keys = [request.key for request in requests]
        return [Completion(key=key, text=content_hash([key, keys])) for key in keys]


@pytest.mark.parametrize("enough", [1, 25, 1000])  # a shard a task, some, all
@pytest.mark.parametrize("before", [0, 1, 17])
def test_numbers_that_depend_on_the_batch_come_out_as_locally(tmp_path, at_once, before, enough):
    # Every fifth request repeats one of another persona's group: keys that several groups hold.
    requests = [ask(f"q {i if i % 5 else 3}", f"You are {i // 9 if i % 5 else 0}.") for i in range(90)]
    whole, parts = tmp_path / "whole", tmp_path / "parts"

    def opened():
        return Batched(batch_size=4)

    with Journal(whole) as journal:
        asyncio.run(execute(requests, opened(), journal, stage="s"))
        write_calls(journal, whole / "calls.parquet")
    if before:  # a few answers of some groups are there already, as after a local run that was stopped
        with Journal(whole) as journal, Journal(parts) as begun:
            records = list(journal)
            begun.append(records[:: len(records) // before])
    outcomes, _ = at_once(parts, requests, opened, enough=enough)
    assert all(outcome.complaint is None for outcome in outcomes)
    assert (len(outcomes) == 1) >= (enough == 1000)
    assert file_hash(parts / "calls.parquet") == file_hash(whole / "calls.parquet")
    # Of a group that is handed over whole, only what is the shard's own was journalled.
    assert sorted(answers_written(parts)) == sorted({request.key for request in requests})


def test_a_limit_a_minute_is_divided_by_the_workers(tmp_path, at_once):
    opened = []

    def open_limited():
        opened.append(Scripted(quota=Quota(requests=120_000, tokens=None)))
        return opened[-1]

    at_once(tmp_path, plan(8), open_limited)
    assert opened[-1].quota == Quota(requests=30_000, tokens=None)


@pytest.mark.parametrize("enough", [1, 1000])
def test_a_budget_reached_is_said_once_and_never_passed(tmp_path, at_once, enough):
    def opened():
        return Scripted(concurrency=1)

    # Each call: 5 words asked ("You are N." and "q N"), 4 answered.
    outcomes, totals = at_once(tmp_path, plan(60), opened, budget=Budget(tokens=300), enough=enough)
    assert {o.complaint.kind for o in outcomes if o.complaint} == {"BudgetError"}
    assert 250 < totals["s"].tokens <= 300
    outcomes, totals = at_once(tmp_path, plan(60), opened, budget=Budget(tokens=900), enough=enough)
    assert totals["s"].tokens == 60 * 9
    assert not [o for o in outcomes if o.complaint]


def test_a_worker_that_finds_another_model_stops_the_others(tmp_path, at_once):
    outcomes, totals = at_once(tmp_path, plan(60), lambda: Scripted(model="scripted@2/exact"))
    complaints = [outcome.complaint for outcome in outcomes if outcome.complaint]
    assert [complaint.kind for complaint in complaints] == ["ModelError"]  # the other shards were not begun
    error = complaints[0].error()
    assert isinstance(error, ModelError)
    assert "for scripted@1/exact, not scripted@2/exact" in str(error)
    assert "s" not in totals


class HomelessError(PopulaceError):
    """A kind that the driver need not know."""


def test_an_error_comes_back_as_it_was():
    error = JournalError("the disk is full", file="journal.log", fix="free some space")
    sent = msgspec.json.decode(msgspec.json.encode(Complaint.of(error)), type=Complaint).error()
    assert (type(sent), str(sent)) == (JournalError, str(error))
    # Kinds that are defined beside what raises them come back as the general one.
    for error, kind in ((QueueFullError("busy"), ModelError), (HomelessError("lost"), PopulaceError)):
        sent = Complaint.of(error).error()
        assert (type(sent), str(sent)) == (kind, str(error))


def test_workers_share_what_the_cluster_has():
    eight = SimpleNamespace(threads=8)
    assert share_out([16.0, 16.0, 4.0], None, eight).workers == 4  # the small node has no room for one
    assert share_out([4.0, 4.0], None, eight).cpus == 4.0  # and none asks for more than a node has
    assert share_out([16.0], 3, Scripted()) == share_out([2.0, 14.0], 3, Scripted())
    with pytest.raises(PopulaceError, match="no CPU"):
        share_out([0.0], None, Scripted())


def test_without_ray_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PopulaceError, match=r"pip install 'populace\[ray\]'"), joined():
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nonsense"])
def test_where_no_cluster_is_that_is_said_at_once(address):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    begun = time.monotonic()
    with pytest.raises(PopulaceError, match=f"no Ray cluster could be had at {address}"), joined(address):
        pass
    assert time.monotonic() - begun < 10


# A real cluster: two nodes of one CPU each

LATENCY = 0.01
SPEC = {"provider": "scripted", "latency": LATENCY, "concurrency": 4}


def descendants(parent: int) -> set[int]:
    """Processes that `parent` has started, and that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, more = set(), {parent}
    while more := {pid for pid, above in parents.items() if above in more} - found:
        found |= more
    return found


def end(processes: set[int]) -> None:
    """Kill those that still run: Ray's agents outlive a killed raylet by a minute."""
    for pid in processes:
        with contextlib.suppress(OSError):
            if b"ray" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray", reason="the ray extra is not installed")
    from ray.cluster_utils import Cluster

    temporary = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # names of sockets have to be short
    os.environ["RAY_TMPDIR"] = temporary
    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    # A node that is gone is given up after a second, not after a quarter of a minute.
    health = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
    health |= {"health_check_failure_threshold": 2}
    head = Cluster(initialize_head=True, head_node_args=node | {"_system_config": health})
    head.add_node(**node)
    started = descendants(os.getpid())
    try:
        with joined(head.address):
            yield head
    finally:
        head.shutdown()
        end(started)
        os.environ.pop("RAY_TMPDIR")
        shutil.rmtree(temporary, ignore_errors=True)


def locally(folder: Path, requests) -> str:
    with Journal(folder) as journal:
        asyncio.run(execute(requests, open_model("scripted"), journal, stage="s"))
        write_calls(journal, folder / "calls.parquet")
    return file_hash(folder / "calls.parquet")


def rows(journal: Journal) -> str:
    path = journal.path.parent / "calls.parquet"
    write_calls(journal, path)
    return file_hash(path)


def answers_written(folder: Path) -> list[str]:
    """Keys of every answer in every file, repeats included."""
    lines = [line for file in folder.glob("journal*.log") for line in file.read_bytes().splitlines()]
    results = [msgspec.json.decode(line[9:])["result"] for line in lines]
    return [result["key"] for result in results if result["kind"] == "completion"]


def test_a_budget_and_then_the_rest_on_a_cluster(cluster, tmp_path):
    requests = plan(400)
    with Journal(tmp_path / "j") as journal:
        settings = {"stage": "s", "shards": 6, "workers": 2}
        with pytest.raises(BudgetError, match="calls of stage 's' are left"):
            asyncio.run(
                distribute(requests, SPEC, open_model(SPEC), journal, budget=Budget(tokens=1200), **settings)
            )
        assert 900 < journal.totals["s"].tokens <= 1200
        first = journal.totals["s"].answered
        seen: list[int] = []
        settings |= {"shards": 99, "progress": lambda stats: seen.append(stats.seen)}
        stats = asyncio.run(distribute(requests, SPEC, open_model(SPEC), journal, **settings))
        assert (stats.reused, stats.answered, stats.failed) == (first, 400 - first, 0)
        assert stats.prompt_tokens == 5 * stats.answered
        assert seen[-1] == 400
        assert journal.notes("shards") == {"shards": 6}  # the folder's first run decided
        assert rows(journal) == locally(tmp_path / "local", requests)
        assert not (tmp_path / "j" / "spool").exists()
        # And nothing is left to do, which takes no cluster.
        stats = asyncio.run(distribute(requests, SPEC, open_model(SPEC), journal, stage="s"))
        assert (stats.reused, stats.answered) == (400, 0)


def test_a_server_that_is_not_there_ends_the_run_as_its_own_error(cluster, tmp_path):
    spec = {"provider": "openai", "name": "m", "base_url": "http://127.0.0.1:9/v1"}
    model = open_model(spec)
    requests = [ask(f"q {i}", model=model.model) for i in range(20)]
    with Journal(tmp_path) as journal, pytest.raises(ModelError, match="cannot be reached"):
        asyncio.run(distribute(requests, spec, model, journal, stage="s", affinity="key", shards=4))


def test_interrupted_it_lands_its_calls_and_goes_on_later(cluster, tmp_path):
    requests = plan(1200)
    with Journal(tmp_path / "j") as journal:

        async def interrupted():
            def stop(stats):
                if stats.answered > 200 and not task.cancelling():
                    task.cancel()

            work = distribute(
                requests, SPEC, open_model(SPEC), journal, stage="s", shards=6, workers=2, progress=stop
            )
            task = asyncio.ensure_future(work)
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(interrupted())
        journal.refresh()  # no worker holds its shard any more
        done = journal.totals["s"].answered
        assert 200 < done < 1200
        stats = asyncio.run(distribute(requests, SPEC, open_model(SPEC), journal, stage="s", workers=2))
        assert stats.answered == 1200 - done
        assert rows(journal) == locally(tmp_path / "local", requests)
    assert len(answers_written(tmp_path / "j")) == 1200  # what was in flight landed: nothing was asked twice


DRIVER = """
import asyncio, sys
from populace.models import open_model
from populace.models.records import GenerateRequest, Message
from populace.run import Journal
from populace.run.distributed import distribute

folder, spec = sys.argv[1], {"provider": "scripted", "latency": 0.01, "concurrency": 4}
plan = [GenerateRequest(model="scripted@1/exact", max_tokens=4, messages=(
    Message("system", f"You are {i * 12 // 1200}."), Message("user", f"q {i}"))) for i in range(1200)]
with Journal(folder) as journal:
    asyncio.run(distribute(plan, spec, open_model(spec), journal, stage="s", shards=6, workers=2))
"""


def test_after_kill_9_of_the_driver_the_rest_is_done_by_the_same_command(cluster, tmp_path):
    """The driver has a cluster of its own here, as the command line has."""
    folder = tmp_path / "j"
    environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    with subprocess.Popen([sys.executable, "-c", DRIVER, str(folder)], env=environment) as driver:
        while sum(f.stat().st_size for f in folder.glob("journal-*.log")) < 60_000:
            assert driver.poll() is None
            time.sleep(0.05)
        with pytest.raises(JournalError, match=f"held by process {driver.pid}"):
            Journal(folder)
        started = descendants(driver.pid)
        driver.send_signal(signal.SIGKILL)
    for _ in range(300):
        try:
            journal = Journal(folder)
            break
        except JournalError as error:
            assert "held by process" in str(error)  # a worker that Ray has not ended yet
            time.sleep(0.1)
    end(started)
    with journal:
        done = journal.totals["s"].answered
        assert 100 < done < 1200
        requests = plan(1200)
        stats = asyncio.run(distribute(requests, SPEC, open_model(SPEC), journal, stage="s", workers=2))
        assert (stats.reused, stats.answered) == (done, 1200 - done)
        assert rows(journal) == locally(tmp_path / "local", requests)


# examples/vllm_ray.py, with a stand-in where vLLM would be


@pytest.fixture(scope="module")
def offline():
    path = Path(__file__).parent.parent / "examples" / "vllm_ray.py"
    spec = importlib.util.spec_from_file_location("vllm_ray", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in(before, after):
    """What `ray.data.llm` does with a row, as its source has it (ray 2.60, stages/base.py)."""

    def infer(row):
        data = {**row, **before(row)}
        asked = data.pop("sampling_params")
        words = data["messages"][-1]["content"]
        if "too long" in words:
            return data | {"__inference_error__": "ValueError: maximum context length is 4096 tokens"}
        if "no memory" in words:
            return data | {"__inference_error__": "RuntimeError: CUDA out of memory"}
        tokens = min(len(words.split()), asked["max_tokens"])
        data |= {"generated_text": words.upper(), "num_generated_tokens": tokens, "num_input_tokens": 11}
        if "logprobs" in asked:
            tops = {5: {"logprob": math.log(0.75), "rank": 1, "decoded_token": " A"}}
            tops[9] = {"logprob": math.log(0.25), "rank": 2, "decoded_token": "B"}
            data["logprobs"] = [tops]
        return after(data) | {"__inference_error__": ""}

    return lambda dataset: dataset.map(infer)


def test_offline_replies_become_the_answers_a_server_would_give(cluster, offline, tmp_path):
    served = open_model({"provider": "openai", "name": "m", "base_url": "http://127.0.0.1:9/v1"})
    texts = ("go", "1 2 3 4 5", "too long", "no memory")
    short, cut_off, long, big = (ask(text, model=served.model) for text in texts)
    person = (Message("user", "A or B?"),)
    judged = ChooseRequest(model=served.model, messages=person, options=("A", "B"))
    plan = [short, cut_off, short, long, judged, big]
    with Journal(tmp_path) as journal:
        assert offline.answer("s", plan, served, journal, stand_in) == 5
        one, other, failed = (journal.get(request.key) for request in (short, cut_off, long))
        # An engine's trouble is not the request's fault, so it may be asked again.
        assert (journal.failure(big.key).boundary, journal.failure(big.key).retryable) == ("server", True)
        assert (one.text, one.finish, one.usage.prompt_tokens) == ("GO", "stop", 11)
        assert (other.text, other.finish, other.usage.completion_tokens) == ("1 2 3 4 5", "length", 4)
        assert (failed.boundary, failed.retryable) == ("context length", False)
        chosen = journal.get(judged.key)
        assert [round(math.exp(x), 6) for x in chosen.log_likelihoods] == [0.75, 0.25]
        assert chosen.exact
        # The same command again asks only that, and not what failed by its own fault.
        assert offline.answer("s", plan, served, journal, stand_in) == 1
        assert not (tmp_path / "offline").exists()


TWO_MODELS = """
name = "two"
population = {{ size = 40 }}
personas = {{ size = 2 }}
prompts = {{ size = 2 }}
feedback = {{ ways = ["choice"], strangers = 0 }}
model = {{ provider = "openai", name = "w", base_url = "http://127.0.0.1:9/v1", revision = "1" }}
judge = {{ provider = "openai", name = "{judge}", base_url = "http://127.0.0.1:9/v1", revision = "2" }}
"""


def test_offline_each_model_is_played_by_its_own_weights(cluster, offline, tmp_path):
    from populace import Study

    (tmp_path / "two.toml").write_text(TWO_MODELS.format(judge="j"))
    study = Study.load(tmp_path / "two.toml", tmp_path / "study")
    used: list[tuple[str, str]] = []

    def stated(weights, provider):
        """An engine whose texts are the name of its weights."""
        used.append((weights, provider.model))

        def named(before, after):
            return stand_in(before, lambda row: after(row | {"generated_text": weights}))

        return named

    # No weights are given for the judge: it is not asked, and nobody answers in its name.
    with pytest.raises(ModelError, match=r"judgements asks j@2/served, .*no --source.*--source j=WEIGHTS"):
        offline.ask_stages(study, ["w=W"], stated)
    assert used == [("W", "w@1/served")] * 3
    with Journal(study.folder / "journal") as journal:
        assert set(journal.totals) == {"answers", "critiques", "revisions"}
    used.clear()
    offline.ask_stages(study, ["w=W", "j=J"], stated)
    assert used == [("W", "w@1/served")] * 3 + [("J", "j@2/served")]
    with Journal(study.folder / "journal") as journal:
        # Two pairs, judged by nobody and by their author; both orders are one, as W stands against W.
        assert journal.totals["judgements"].answered == 2 * 2
    # No server is there: the run finds every answer, and they are the writer's.
    assert study.run(progress=False) == {}
    assert set(study.table("pairs")["original"]) == {"W"}


def test_offline_weights_belong_to_one_model(offline):
    models = ["m@1/served", "m@2/served", "n@1/served"]
    assert offline.sources(["m@2/served=M", "n=N"], models) == {"m@2/served": "M", "n@1/served": "N"}
    for wrong in ("m=M", "x=X", "n", "n="):
        with pytest.raises(ModelError, match="names no one model"):
            offline.sources([wrong], models)


def test_ray_builds_the_processor_that_the_script_asks_for(cluster, offline, tmp_path):
    pytest.importorskip("transformers", reason="ray.data.llm reads the model's settings with it")
    template = {"chat_template_kwargs": {"enable_thinking": False}}
    served = open_model({"provider": "openai", "name": "m", "extra_body": template})
    processor = offline.vllm(str(tmp_path), engines=2, gpus=4, provider=served)(offline.before, offline.after)
    assert processor.list_stage_names() == ["ChatTemplateStage", "TokenizeStage", "vLLMEngineStage"]
    stage = processor.get_stage_by_name("vLLMEngineStage").fn_constructor_kwargs
    assert stage["engine_kwargs"]["tensor_parallel_size"] == 4
    request = ask("why?", model=served.model)
    row = offline.before({"request": "", "body": served.encode(request).decode()})
    assert row["sampling_params"].keys() == {"max_tokens", "temperature", "seed"}
    assert [message["role"] for message in row["messages"]] == ["system", "user"]


def test_a_small_stage_waits_no_longer_than_locally(cluster, tmp_path):
    """Sixty calls of 0.3 s in more than fifty shards: some rounds of a window, not a call after the other."""
    spec = {"provider": "scripted", "latency": 0.3}
    requests, model = plan(60, personas=60), open_model(spec)
    warm_up(cluster)
    with Journal(tmp_path / "warm") as journal:  # opens the model in both workers
        asyncio.run(distribute(plan(60), SPEC, open_model(SPEC), journal, stage="s", workers=2))
    with Journal(tmp_path / "local") as journal:
        local = asyncio.run(execute(requests, model, journal, stage="s")).seconds
    limits = [0]
    with Journal(tmp_path / "ray") as journal:
        stats = asyncio.run(
            distribute(
                requests,
                spec,
                model,
                journal,
                stage="s",
                workers=2,
                progress=lambda running: limits.append(running.limit),
            )
        )
        shards = [part for part in (tmp_path / "ray").glob("journal-*.log") if part.stat().st_size > 100]
        assert len(shards) > 30
        assert stats.answered == 60
    assert stats.seconds < 3 * local


def warm_up(cluster) -> None:
    """Have a worker's process ready on every node, so that all take part from the first second."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def ready() -> str:
        return worker.__name__

    pinned = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in cluster.list_all_nodes()]
    ray.get([ray.remote(num_cpus=1)(ready).options(scheduling_strategy=node).remote() for node in pinned])


def test_a_node_killed_half_way_changes_no_row(cluster, tmp_path):
    # Four tasks of several shards each, as a task holds eight windows of sixteen calls.
    requests, spec = plan(700, personas=40), SPEC | {"latency": 0.15, "concurrency": 16}
    before: list[int] = []

    def kill_half_way(stats: RunStats) -> None:
        # Sixteen calls a worker, one worker a node: more means that both nodes are at it.
        if stats.answered > 100 and stats.limit > 16 and not before:
            before.append(stats.answered)
            (other,) = cluster.worker_nodes
            threading.Thread(target=cluster.remove_node, args=(other, False)).start()

    warm_up(cluster)
    with Journal(tmp_path / "j") as journal:
        model, settings = open_model(spec), {"stage": "s", "progress": kill_half_way}
        stats = asyncio.run(distribute(requests, spec, model, journal, **settings))
        assert before
        assert before[0] < 550
        assert len(cluster.worker_nodes) == 0
        assert len(list((tmp_path / "j").glob("journal-*.log"))) > 20
        assert (stats.answered, stats.failed) == (700, 0)
        assert rows(journal) == locally(tmp_path / "local", requests)
    # The dead node's worker had journalled what it had: nothing was answered twice.
    assert sorted(answers_written(tmp_path / "j")) == sorted({request.key for request in requests})


@pytest.mark.parametrize("budget", [Budget(), Budget(dollars=10.0), Budget(tokens=1000)])
def test_what_is_not_limited_is_leased_to_every_shard(budget):
    # Two shards that each hold a lease: neither's infinite part counts against the other.
    ledger = Ledger(budget, Cost(), workers=2)
    for shard in ("0000", "0001"):
        ledger.begin(shard, Cost())
    for gone in (0, 10, 20):
        for shard in ("0000", "0001"):
            lease, reason = ledger.lease(shard, Cost(gone, gone / 100), Cost(10, 0.1))
            assert not reason
            assert lease is not None
            assert (lease.tokens == float("inf")) == (budget.tokens is None)
            assert (lease.dollars == float("inf")) == (budget.dollars is None)
            assert lease.tokens >= gone + 10
            assert lease.dollars >= gone / 100 + 0.1
