"""Batch files against a stand-in for the service: cut, sent, refused, killed, expired, collected."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import signal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_child import PRICE, command, plan
from batch_server import batch_server
from populace.errors import BudgetError, ModelError
from populace.models.openai import OpenAI
from populace.models.openai_batch import Batch, BatchService, UnavailableError
from populace.models.records import GenerateRequest, Message
from populace.run import Budget, Journal, Retries, calls_frame, run
from populace.run.batch import BatchLimits, cancel, collect, status, submissions, submit
from populace.run.batch.spool import Size, Spool

IMPATIENT = Retries(attempts=3, base=0.0)


@pytest.fixture
def service(tmp_path):
    with batch_server(tmp_path / "service") as handle:
        yield handle


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("populace.run.batch.desk.SETTLE", 0.05)


def provider(service, **settings) -> OpenAI:
    return OpenAI("m", base_url=service.url, price=PRICE, **settings)


def send(model, journal, size=24, **settings):
    settings = {"stage": "s", "retries": IMPATIENT} | settings
    return asyncio.run(submit(plan(model, size), model, journal, **settings))


def fetch(model, journal, **settings):
    return asyncio.run(collect(model, journal, retries=IMPATIENT, **settings))


def look(model, journal):
    return asyncio.run(status(model, journal, retries=IMPATIENT))


def rows(journal: Journal):
    return calls_frame(journal).to_dicts()


@pytest.fixture
def live_rows(service, tmp_path):
    """What a live run journals for the whole plan."""
    model = provider(service)
    with Journal(tmp_path / "live") as journal:
        run(plan(model), model, journal, stage="s")
        return rows(journal)


class TestRoundTrip:
    def test_gives_the_rows_of_a_live_run_for_half_the_price(self, service, tmp_path, live_rows):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            sent = send(model, journal)
            assert (len(sent.submissions), sent.waiting, sent.reason) == (1, 0, "")
            assert [known.state for known in look(model, journal)] == ["validating"]
            service.later(30)
            (known,) = look(model, journal)
            assert (known.state, known.completed, known.size.requests) == ("in_progress", 12, 24)
            assert fetch(model, journal).open == 1
            service.later(30)
            collected = fetch(model, journal)
            assert (collected.batches, collected.answered, collected.open) == (1, 24, 0)
            assert rows(journal) == live_rows
            # 24 calls of 10 + 5 tokens at $1 and $10 a million: $0.00144 live.
            assert journal.totals["s"].dollars == pytest.approx(0.00072)
            assert collected.dollars == pytest.approx(0.00072)
            assert [known.state for known in look(model, journal)] == ["collected"]
            assert send(model, journal).submissions == []
            assert fetch(model, journal).batches == 0
        assert list((tmp_path / "j" / "batches").iterdir()) == []

    def test_what_is_sent_is_what_a_live_call_sends(self, service, tmp_path):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal, size=2)
        (line, _) = (service.folder / "files" / "file-0000").read_text().splitlines()
        first = next(plan(model))
        assert json.loads(line) == {
            "custom_id": first.key,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": json.loads(model.encode(first)),
        }

    def test_live_and_batch_finish_one_another(self, service, tmp_path, live_rows):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            run(plan(model, 10), model, journal, stage="s")
            send(model, journal, size=18)
            assert [len(batch) for batch in service.sent()] == [8]
            # A live run meanwhile answers two of the eight as well.
            run(list(plan(model, 12)), provider(service), journal, stage="s")
            service.later(60)
            collected = fetch(model, journal)
            assert (collected.answered, collected.repeated, collected.freed) == (6, 2, 0)
            run(plan(model), provider(service), journal, stage="s")
            assert rows(journal) == live_rows
            assert service.state["live"] == 24 + 10 + 2 + 6


class TestCutting:
    def test_by_requests(self, service, tmp_path):
        with Journal(tmp_path / "j") as journal:
            send(provider(service), journal, limits=BatchLimits(requests=10))
        keys = [request.key for request in plan(provider(service))]
        assert service.sent() == [keys[:10], keys[10:20], keys[20:]]

    def test_by_bytes(self, service, tmp_path):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal, size=2)
            size = service.state["files"]["file-0000"]["bytes"]
        with Journal(tmp_path / "k") as journal:
            sent = send(model, journal, limits=BatchLimits(bytes=2 * size))
            assert [known.size.requests for known in sent.submissions] == [4] * 6
            with pytest.raises(ModelError, match="a batch file may take 10"):
                send(model, journal, size=25, limits=BatchLimits(bytes=10))
        files = list(service.state["files"].values())[1:]
        assert [known.size.bytes for known in sent.submissions] == [file["bytes"] for file in files]
        assert all(file["bytes"] <= 2 * size for file in files)

    def test_by_tokens_that_may_wait(self, service, tmp_path):
        """10 tokens a request: 8 may wait at a time."""
        service.set(enqueued_tokens=85)
        model, limits = provider(service), BatchLimits(enqueued_tokens=85, requests=5)
        with Journal(tmp_path / "j") as journal:
            for taken, waiting in ([5, 3], 16), ([5, 3], 8), ([5, 3], 0):
                sent = send(model, journal, limits=limits)
                assert [known.size.requests for known in sent.submissions] == taken
                assert sent.waiting == waiting
                assert sent.reason == (
                    "80 of 85 enqueued tokens are taken by open batches" if waiting else ""
                )
                again = send(model, journal, limits=limits)
                assert (again.submissions, again.waiting) == ([], waiting)
                service.later(60)
                assert fetch(model, journal).answered == 8
        assert len({key for batch in service.sent() for key in batch}) == 24

    @given(
        sizes=st.lists(st.integers(1, 60), max_size=30),
        requests=st.integers(1, 8),
        bytes_=st.integers(70, 200),
    )
    @settings(max_examples=40, deadline=None)
    def test_files_are_the_plan_in_order_and_as_full_as_they_may_be(
        self, tmp_path_factory, sizes, requests, bytes_
    ):
        asks = [GenerateRequest(model="m", messages=(Message("user", "x" * n),), max_tokens=n) for n in sizes]
        spool = Spool(tmp_path_factory.mktemp("s"), lambda key, r: r.messages[0].content.encode(), len)

        def room(size: Size) -> bool:
            return size.requests <= requests and size.bytes <= bytes_

        left, files = list(asks), []
        while left:
            size, over = spool.write(f"{len(files)}", iter(left), room)
            file = left[: size.requests]
            assert size.bytes == sum(len(ask.messages[0].content) + 1 for ask in file)
            assert list(spool.keys(f"{len(files)}")) == [ask.key for ask in file]
            left = left[size.requests :]
            assert over == (left[0] if left else None)
            assert room(size) and not (left and room(size + spool.size(left[0])))
            files.append(file)
        assert [ask for file in files for ask in file] == asks


class TestQueueFull:
    @pytest.mark.parametrize("where", ["create", "validation"])
    def test_the_limit_is_learned_and_everything_is_answered_once(self, service, tmp_path, live_rows, where):
        service.set(enqueued_tokens=100, refuse=where)
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            sent = send(model, journal)
            for _ in range(8):
                service.later(61)
                fetch(model, journal)
                sent = send(model, journal)
                if not sent.submissions:
                    break
                assert sent.reason or not sent.waiting
            assert (sent.submissions, sent.waiting) == ([], 0)
            assert rows(journal) == live_rows
        keys = [key for batch in service.sent() for key in batch]
        assert len(keys) == len(set(keys)) == 24
        # Learned from one refusal: 10 of 24 at a time.
        assert [len(batch) for batch in service.sent()] == [10, 10, 4]
        assert len(service.state["batches"]) == (3 if where == "create" else 4)

    def test_a_refusal_without_a_figure_halves_the_file(self, service, tmp_path):
        refusal = {"error": {"message": "Too many enqueued tokens", "code": "token_limit_exceeded"}}
        service.set(down={"POST /v1/batches": [2, 400, refusal]})
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            sent = send(model, journal)
            assert sent.waiting == 24
            assert "Too many enqueued tokens" in sent.reason
            send(model, journal)
            assert [known.size.requests for known in submissions(journal)] == [24, 12]
            sent = send(model, journal)
            assert [known.size.requests for known in sent.submissions] == [6, 18]
        assert [len(batch) for batch in service.sent()] == [6, 18]


class TestEnds:
    def test_expired_with_part_of_its_answers(self, service, tmp_path):
        model = provider(service)
        keys = [request.key for request in plan(model)]
        never = [key for key in keys if key[0] in "0123"]
        service.set(never="0123")
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(86_399)
            assert fetch(model, journal).open == 1
            service.later(1)
            collected = fetch(model, journal)
            assert (collected.answered, collected.freed, collected.failed) == (24 - len(never), len(never), 0)
            assert {key for key in keys if key not in journal} == set(never)
            assert all(journal.get(key) is None for key in never)
            service.set(never="")
            send(model, journal)
            assert service.sent()[1] == never

    def test_cancelled_half_way(self, service, tmp_path):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(30)
            for _ in range(2):  # asked again, nothing is cancelled twice
                assert [each.state for each in asyncio.run(cancel(model, journal))] == ["cancelling"]
            assert fetch(model, journal).open == 1
            service.later(10)
            collected = fetch(model, journal)
        assert (collected.answered, collected.freed) == (12, 12) or (collected.answered, collected.freed) == (
            13,
            11,
        )

    def test_failures_by_kind(self, service, tmp_path):
        model = provider(service)
        keys = [request.key for request in plan(model)]
        own = {"error": {"message": "Bad request", "code": "invalid_value"}}
        service.set(
            errors={
                keys[0][0]: [400, own],
                keys[1][0]: [500, {"error": {"message": "Oops"}}],
                keys[2][0]: [None, {"code": "request_timeout", "message": "too slow"}],
                keys[3][0]: [0, {}],
            }
        )
        kinds = {keys[0][0]: "request"} | dict.fromkeys((key[0] for key in keys[1:4]), "server")
        assert len(kinds) == 4
        expected = {key: kinds[key[0]] for key in keys if key[0] in kinds}
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(60)
            collected = fetch(model, journal)
            failures = {key: journal.failure(key) for key in keys if key not in journal}
            assert {key: failure.boundary for key, failure in failures.items() if failure} == expected
            assert (collected.failed, collected.answered) == (len(expected), 24 - len(expected))
            assert "request_timeout: too slow" in failures[keys[2]].message
            # What may pass is sent again; what is the request's own only when it is asked for.
            service.set(errors={})
            send(model, journal)
            passing = [key for key in keys if expected.get(key) == "server"]
            assert service.sent()[1] == passing
            send(model, journal, retry_errors=True)
            assert set(service.sent()[2]) == set(expected) - set(passing)

    def test_denied_calls_leave_no_rows(self, service, tmp_path):
        model = provider(service)
        error = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
        keys = [request.key for request in plan(model)]
        denied = [key for key in keys if key[0] == keys[0][0]]
        service.set(errors={keys[0][0]: [429, error]})
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(60)
            with pytest.raises(ModelError, match="exceeded your current quota"):
                fetch(model, journal)
            assert all(journal.get(key) is None for key in denied)
            assert journal.totals["s"].answered == 24 - len(denied)
            assert fetch(model, journal).open == 0
            send(model, journal)
        assert service.sent()[1] == denied

    def test_lines_that_are_not_ours_are_reported(self, service, tmp_path, live_rows):
        model = provider(service)
        first = next(plan(model)).key
        alien = {"custom_id": "f" * 32, "response": {"status_code": 200, "body": {}}, "error": None}
        twice = {"custom_id": first, "response": {"status_code": 500, "body": {}}, "error": None}
        service.set(extra_lines=[json.dumps(alien), "{half", json.dumps(twice)])
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(60)
            collected = fetch(model, journal)
            assert (collected.unknown, collected.answered, collected.failed) == (["f" * 32, ""], 24, 0)
            assert rows(journal) == live_rows

    def test_a_file_that_is_no_good_frees_its_requests(self, service, tmp_path):
        model = provider(service)
        service.set(requests=20)
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(10)
            collected = fetch(model, journal)
            assert (collected.freed, collected.broken[0].message) == (
                24,
                "The batch has too many requests. [too_many_tasks]",
            )
            with pytest.raises(ModelError, match=r"24 calls are left.*too_many_tasks.*--retry-errors"):
                send(model, journal)
            assert len(service.state["batches"]) == 1
            limits = BatchLimits(requests=20)
            assert len(send(model, journal, limits=limits, retry_errors=True).submissions) == 2
            assert send(model, journal).waiting == 0

    def test_files_that_are_gone(self, service, tmp_path, monkeypatch):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(60)
            service.set(gone=True)
            with pytest.raises(ModelError, match=r"batch_0000 .*No such File"):
                fetch(model, journal)
            assert [known.state for known in look(model, journal)] == ["completed"]
            # After the 30 days that the service keeps them there is nothing to wait for.
            monkeypatch.setattr("populace.run.batch.harvest._KEPT_DAYS", 0)
            collected = fetch(model, journal)
            assert (collected.freed, len(collected.broken)) == (24, 1)
            assert len(send(model, journal).submissions) == 1

    def test_a_missing_file_does_not_keep_other_batches_from_being_read(self, service, tmp_path):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal, limits=BatchLimits(requests=10))
            service.later(60)
            look(model, journal)
            (service.folder / "files" / "batch_0000-output").unlink()
            with pytest.raises(ModelError, match=r"batch_0000 .*every other batch was read") as told:
                fetch(model, journal)
            assert "batch_0001" not in str(told.value)
            states = [known.state for known in submissions(journal)]
            assert states == ["validating", "collected", "collected"]
            assert journal.totals["s"].answered == 14

    def test_a_batch_that_is_gone_does_not_keep_others_from_being_read(self, service, tmp_path):
        model = provider(service)
        gone = {"error": {"message": "No batch found"}}
        with Journal(tmp_path / "j") as journal:
            send(model, journal, limits=BatchLimits(requests=12))
            service.later(60)
            service.set(down={"GET /v1/batches/batch_0000": [99, 404, gone]})
            assert [known.state for known in look(model, journal)] == ["missing", "completed"]
            with pytest.raises(ModelError, match=r"batch_0000 .*No batch found"):
                fetch(model, journal)
            assert journal.totals["s"].answered == 12
            # Nothing of that was noted: the right key finds it.
            service.set(down={})
            assert fetch(model, journal).answered == 12

    def test_a_batch_that_failed_is_told_and_not_sent_again_unasked(self, service, tmp_path):
        model, told = provider(service), []
        service.set(requests=20)
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(10)
            for _ in range(2):
                with pytest.raises(ModelError, match=r"24 calls are left.*too_many_tasks"):
                    send(model, journal, progress=told.append)
            assert [(known.state, known.batch) for known in told] == [("failed", "batch_0000")]
            assert len(service.state["batches"]) == 1
            # The other stages are free to go on, and so is a plan that is answered meanwhile.
            assert asyncio.run(submit([], model, journal, stage="s")).waiting == 0
            assert len(asyncio.run(submit(plan(model, 2), model, journal, stage="t")).submissions) == 1


class TestOnce:
    def test_the_answer_to_creation_is_lost(self, service, tmp_path):
        """The connection breaks after the batch was created: it is found in the list."""
        service.set(vanish=["POST /v1/batches"])
        with Journal(tmp_path / "j") as journal:
            (known,) = send(provider(service), journal).submissions
        assert len(service.state["batches"]) == 1
        assert known.batch == "batch_0000"

    def test_the_list_lags_behind(self, service, tmp_path, monkeypatch):
        monkeypatch.setattr("populace.run.batch.desk.SETTLE", 1.0)
        service.set(vanish=["POST /v1/batches"], lag=0.5)
        with Journal(tmp_path / "j") as journal:
            send(provider(service), journal)
        assert len(service.state["batches"]) == 1

    def test_ours_stands_far_down_the_list(self, service, tmp_path, monkeypatch):
        model = provider(service)
        monkeypatch.setattr("populace.models.openai_batch._PAGE", 3)

        async def others(number):
            async with BatchService(model) as files:
                for _ in range(number):
                    await files.create("file-0000", window="24h", metadata={})
                return [batch.id async for batch in files.batches()]

        with Journal(tmp_path / "j") as journal:
            (known,) = send(model, journal).submissions
            listed = asyncio.run(others(7))
            assert listed == [f"batch_{number:04}" for number in reversed(range(8))]
            # As if the batch's id had not reached the journal.
            journal.note(f"batch/{known.intent}", msgspec.structs.replace(known, batch=None))
            assert look(model, journal)[0].batch == known.batch
            assert send(model, journal).submissions == []
        assert len(service.state["batches"]) == 8

    def test_what_was_left_unsent_goes_first(self, service, tmp_path, live_rows):
        """Stopped between the intent and the upload; another file of the plan follows in the same command."""
        model = provider(service)
        service.set(down={"POST /v1/files": [9, 503, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError):
                send(model, journal, limits=BatchLimits(requests=10))
            service.set(down={})
            sent = send(model, journal, limits=BatchLimits(requests=10))
            assert [known.size.requests for known in sent.submissions] == [10, 10, 4]
            keys = [request.key for request in plan(model)]
            assert service.sent() == [keys[:10], keys[10:20], keys[20:]]

    def test_an_intent_whose_requests_were_removed_is_given_up(self, service, tmp_path):
        model = provider(service)
        service.set(down={"POST /v1/files": [9, 503, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError):
                send(model, journal)
            for path in (tmp_path / "j" / "batches").iterdir():
                path.unlink()
            service.set(down={})
            sent = send(model, journal, limits=BatchLimits(requests=10))
            assert [known.state for known in sent.submissions] == ["validating"] * 3
            assert (sent.waiting, sent.reason) == (0, "")
        assert [len(batch) for batch in service.sent()] == [10, 10, 4]

    def test_what_was_never_sent_is_cut_anew_around_live_answers(self, service, tmp_path, live_rows):
        """Killed after the intent; then half of its calls are made live."""
        model = provider(service)
        service.set(vanish=["POST /v1/files"])
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError):
                send(model, journal)
            (known,) = submissions(journal)
            assert (known.state, known.under_way) == ("unsent", False)
            # As a kill leaves it: the intent stands, its file is here.
            intended = msgspec.structs.replace(known, state="intended", message="")
            journal.note(f"batch/{known.intent}", intended)
            run(plan(model, 10), provider(service), journal, stage="s")
            service.set(vanish=[])
            sent = send(model, journal)
            assert [known.size.requests for known in sent.submissions] == [14]
            assert [(known.state, known.message) for known in sent.closed] == [("unsent", "was never sent")]
            service.later(60)
            assert fetch(model, journal).repeated == 0
            assert rows(journal) == live_rows

    def test_what_was_asked_for_and_not_created_is_cut_anew(self, service, tmp_path):
        """Every try to create it fails; half of its calls are made live before the next command."""
        model = provider(service)
        service.set(down={"POST /v1/batches": [9, 503, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError):
                send(model, journal)
            assert [known.under_way for known in submissions(journal)] == [True]
            run(plan(model, 10), provider(service), journal, stage="s")
            service.set(down={})
            send(model, journal)
        assert [len(batch) for batch in service.sent()] == [14]

    @pytest.mark.parametrize("command", [fetch, look, lambda *what: asyncio.run(cancel(*what))])
    def test_what_was_not_created_is_closed_by_any_command(self, service, tmp_path, monkeypatch, command):
        model = provider(service)
        service.set(down={"POST /v1/batches": [9, 503, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError):
                send(model, journal)
            (known,) = submissions(journal)
            journal.note("batch/never", msgspec.structs.replace(known, intent="never", tried=None, file=None))
            monkeypatch.setattr("populace.run.batch.desk.SETTLE", 0.0)
            command(model, journal)
            assert [known.state for known in submissions(journal)] == ["unsent"] * 2

    def test_the_list_may_show_it_later(self, service, tmp_path, monkeypatch):
        model = provider(service)
        service.set(down={"POST /v1/batches": [9, 503, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError):
                send(model, journal)
            monkeypatch.setattr("populace.run.batch.desk.SETTLE", 60.0)
            assert fetch(model, journal).open == 1
            assert [known.state for known in look(model, journal)] == ["intended"]

    def test_a_mistyped_address_locks_nothing(self, service, tmp_path):
        mistyped = OpenAI("m", base_url=service.url.replace("/v1", "/v2"), price=PRICE)
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(ModelError, match="takes no batches"):
                send(mistyped, journal)
            (known,) = submissions(journal)
            journal.note("batch/killed", msgspec.structs.replace(known, intent="killed", state="intended"))
            assert len(send(provider(service), journal).submissions) == 1

    def test_a_creation_that_was_refused_locks_nothing(self, service, tmp_path):
        service.set(down={"POST /v1/batches": [1, 404, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(ModelError, match="takes no batches"):
                send(provider(service), journal)
            assert [known.state for known in submissions(journal)] == ["unsent"]

    def test_request_files_are_written_again_from_the_plan(self, service, tmp_path, live_rows):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal, limits=BatchLimits(requests=16))
            for path in (tmp_path / "j" / "batches").iterdir():
                path.unlink()
            service.later(60)
            with pytest.raises(ModelError, match="submit stage s again"):
                fetch(model, journal)
            # Another stage's plan does not hold them.
            asyncio.run(submit([], model, journal, stage="t"))
            assert list((tmp_path / "j" / "batches").iterdir()) == []
            assert send(model, journal).submissions == []
            assert fetch(model, journal).answered == 24
            assert rows(journal) == live_rows

    def test_a_plan_that_repeats_itself(self, service, tmp_path):
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            asks = [*plan(model), *plan(model)]
            asyncio.run(submit(asks, model, journal, stage="s", limits=BatchLimits(requests=10)))
        assert sum(map(len, service.sent())) == 24


class TestRefusals:
    def test_two_models(self, service, tmp_path):
        model, other = provider(service), provider(service, revision="2")
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(ModelError, match="is for m@2/served, not m@unpinned/served"):
                asyncio.run(submit(plan(other), model, journal, stage="s"))
            send(model, journal)
            send(other, journal)
            service.later(60)
            assert fetch(other, journal).batches == 1
            assert [known.state for known in look(model, journal)] == ["completed"]
            moved = OpenAI("m", base_url="http://127.0.0.1:1/v1", price=PRICE)
            for command in (fetch, look, send):
                with pytest.raises(ModelError, match="was submitted to"):
                    command(moved, journal)
            assert fetch(model, journal).answered == 24

    def test_budget_in_dollars(self, service, tmp_path):
        """12 calls each of 10 + 5 and 10 + 1 tokens: $60 and $20 a million, half of that in a batch."""
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(BudgetError, match="4 calls of stage 's' are left"):
                send(model, journal, budget=Budget(dollars=400.5e-6))
            assert [len(batch) for batch in service.sent()] == [20]
            (known,) = submissions(journal)
            assert known.dollars_max == pytest.approx(400e-6)
            # Open batches count at their most, answers at what they cost: 24 * 30e-6.
            with pytest.raises(BudgetError):
                send(model, journal, budget=Budget(dollars=400.5e-6))
            assert len(send(model, journal, budget=Budget(dollars=480.5e-6)).submissions) == 1

    def test_a_budget_in_dollars_needs_a_price(self, service, tmp_path):
        model = OpenAI("m", base_url=service.url)
        with Journal(tmp_path / "j") as journal, pytest.raises(BudgetError):
            send(model, journal, budget=Budget(dollars=1))

    def test_wrong_key_is_named_and_not_repeated(self, service, tmp_path, monkeypatch):
        monkeypatch.setenv("BATCH_KEY", "sk-secret")
        service.set(key="another")
        model = provider(service, key_env="BATCH_KEY")
        with Journal(tmp_path / "j") as journal, pytest.raises(ModelError, match="check the API key") as told:
            send(model, journal)
        assert "sk-secret" not in str(told.value)
        assert "[key]" in str(told.value)
        assert service.state["calls"].count("POST /v1/files") <= 1

    def test_no_batches_here(self, service, tmp_path):
        service.set(down={"POST /v1/files": [9, 404, {"detail": "Not Found"}]})
        with Journal(tmp_path / "j") as journal, pytest.raises(ModelError, match="takes no batches"):
            send(provider(service), journal)

    def test_a_service_that_stumbles(self, service, tmp_path, live_rows):
        """Two failures in a row at every call."""
        stumble = [2, 503, {"error": {"message": "overloaded"}}]
        service.set(down={"POST /v1/files": stumble, "POST /v1/batches": stumble, "GET /v1/batches": stumble})
        model = provider(service)
        with Journal(tmp_path / "j") as journal:
            send(model, journal)
            service.later(60)
            service.set(down={"GET /v1/files/batch_0000-output/content": [2, 502, {}]})
            assert fetch(model, journal).answered == 24
            assert rows(journal) == live_rows
        assert len(service.state["batches"]) == 1

    def test_a_service_that_stays_away(self, service, tmp_path):
        service.set(down={"POST /v1/files": [9, 503, {}]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(UnavailableError, match="run the same command again"):
                send(provider(service), journal)
            service.set(down={})
            send(provider(service), journal)
        assert [len(batch) for batch in service.sent()] == [24]

    def test_a_file_that_cannot_be_found_is_sent_again(self, service, tmp_path):
        lost = {"error": {"message": "Cannot find file file-0000, or project does not have access to it."}}
        service.set(down={"POST /v1/batches": [1, 400, lost]})
        with Journal(tmp_path / "j") as journal:
            with pytest.raises(ModelError, match="Cannot find file"):
                send(provider(service), journal)
            send(provider(service), journal)
        assert [len(batch) for batch in service.sent()] == [24]
        assert len(service.state["files"]) == 2


def test_a_batch_says_why_it_failed():
    errors = [{"code": "a", "message": f"m{n}", "line": n} for n in range(1, 6)]
    batch = msgspec.convert(
        {"id": "b", "status": "failed", "created_at": 1, "errors": {"data": errors}}, Batch
    )
    assert batch.complaint == "line 1: m1 [a]; line 2: m2 [a]; line 3: m3 [a]; and 2 more"


# ---------------------------------------------------------------------------------------------------------
# SIGKILL between any two steps, then the same command again.


@pytest.fixture(scope="module")
def children():
    """Start a command in a process of its own, and return its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["asyncio", "aiohttp", "populace.models.openai", "populace.run.batch"])

    def start(*what) -> int:
        child = context.Process(target=command, args=what)
        child.start()
        child.join(60)
        assert child.exitcode is not None
        return child.exitcode

    return start


@pytest.mark.parametrize("name", ["submit", "collect"])
def test_killed_at_every_step(tmp_path, children, name, live_rows):
    limits, kills = BatchLimits(requests=15), 0
    for kill_at in range(1, 100):
        folder = tmp_path / f"j{kill_at}"
        with batch_server(tmp_path / f"s{kill_at}") as handle:
            model = provider(handle)
            if name == "collect":
                with Journal(folder) as journal:
                    send(model, journal, limits=limits)
                handle.later(60)
            killed = children(name, handle.url, str(folder), kill_at)
            if killed == 0:
                break
            assert killed == -signal.SIGKILL
            kills += 1
            with Journal(folder) as journal:
                if name == "submit":
                    send(model, journal, limits=limits)
                    assert send(model, journal, limits=limits).submissions == []
                    handle.later(60)
                fetch(model, journal)
                assert rows(journal) == live_rows
                assert all(known.closed for known in submissions(journal))
                assert journal.totals["s"].answered == 24
            assert sorted(map(len, handle.sent())) == [9, 15]
            assert len({key for batch in handle.sent() for key in batch}) == 24
    assert kills >= 10
