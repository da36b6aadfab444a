"""The order of calls for prefix caches, and the yardstick they are held to."""

from __future__ import annotations

import random
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.models import ChooseRequest, Message
from populace.run.order import Streams, unique_tokens

sequences = st.lists(st.lists(st.integers(0, 2), max_size=8), max_size=12)
plans = st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(0, 9)), max_size=30)


def naive_tree(given_sequences) -> int:
    tree: dict = {}
    for sequence in given_sequences:
        node = tree
        for token in sequence:
            node = node.setdefault(token, {})

    def size(node: dict) -> int:
        return sum(1 + size(child) for child in node.values())

    return size(tree)


class TestUniqueTokens:
    @given(sequences)
    def test_is_the_size_of_the_naive_tree(self, some):
        assert unique_tokens(some) == naive_tree(some)

    def test_by_hand(self):
        # Two personas of 100 tokens, three questions of 10 each, two orders that differ in the last 4:
        # 2 * 100 + 6 * 6 + 12 * 4.
        persona = {p: [p] * 100 for p in (1, 2)}
        some = [persona[p] + [10 + q] * 6 + [20 + o] * 4 for o in (0, 1) for q in (0, 1, 2) for p in (1, 2)]
        assert unique_tokens(some) == 284

    def test_tokens_that_share_bytes_are_not_shared(self):
        # 1, 256 and 2^31 share three of their four bytes, in different places.
        big = [[2**31, 1], [256, 1], [1, 1], [2**31, 2], [256, 2], [1, 2], [2**32 - 1]]
        assert unique_tokens(big) == naive_tree(big) == 10

    def test_nothing(self):
        assert unique_tokens([]) == unique_tokens([[], []]) == 0


def ask(persona: str, question: object) -> dict:
    messages = (Message("system", persona), Message("user", str(question)))
    request = ChooseRequest(model="m", messages=messages, options=("A",))
    return {f"{persona}{question}": request}


def names(groups) -> list[str]:
    return [next(iter(group)) for group in groups]


class Server:
    """Caches that share nothing, each holding the prompt it computed last, as llama.cpp's slots do."""

    def __init__(self, slots: int) -> None:
        self.slots: list[str] = [""] * slots
        self.busy: dict[int, str] = {}
        self.computed = 0
        """Openings computed."""

    def accept(self, group: dict) -> int:
        (name,) = group
        free = [slot for slot in range(len(self.slots)) if slot not in self.busy]
        slot = next((slot for slot in free if self.slots[slot] == name[0]), free[0])
        self.computed += self.slots[slot] != name[0]
        self.slots[slot] = self.busy[slot] = name[0]
        return slot


def carry_out(streams: Streams, calls: int, server: Server | None = None, pick=lambda flying: 0) -> list[str]:
    """Ask everything with `calls` in flight; `pick` says which of them lands next."""
    flying: deque = deque()
    asked = []
    while True:
        while len(flying) < calls and (group := next(streams, None)):
            flying.append((group, server.accept(group) if server else None))
            asked += list(group)
        if not flying:
            return asked
        index = pick(flying)
        group, slot = flying[index]
        del flying[index]
        streams.landed(group)
        if server:
            del server.busy[slot]


class TestStreams:
    @given(plans)
    def test_one_stream_is_the_plan(self, plan):
        groups = [ask(*item) for item in plan]
        assert list(Streams(groups, 1)) == groups

    @given(plans, st.integers(1, 6), st.integers(1, 8), st.integers(1, 12), st.randoms())
    def test_everything_once_and_a_persona_in_the_order_of_the_plan(self, plan, count, calls, window, draws):
        plan = sorted(plan)
        asked = carry_out(
            Streams([ask(*item) for item in plan], count, window=window),
            calls,
            pick=lambda flying: draws.randrange(len(flying)),
        )
        assert Counter(asked) == Counter(f"{p}{q}" for p, q in plan)
        for persona in "ABCDE":
            assert [name for name in asked if name[0] == persona] == [
                f"{p}{q}" for p, q in plan if p == persona
            ]

    @given(plans, st.integers(1, 4), st.integers(1, 12))
    def test_reads_no_further_ahead_than_the_window(self, plan, count, window):
        read = 0

        def lazily():
            nonlocal read
            for item in plan:
                read += 1
                yield ask(*item)

        for given_out, _ in enumerate(Streams(lazily(), count, window=window)):
            assert read - given_out <= window

    def test_two_calls_of_a_persona_are_under_way_only_where_there_is_no_other(self):
        streams = Streams([ask(p, q) for p in "ABC" for q in range(2)], 2)
        # A and B are open. With one call each under way the earlier goes on and ends, so C opens: nothing
        # of C is under way. Then B and C have one each.
        assert names(streams) == ["A0", "B0", "A1", "C0", "B1", "C1"]

    def test_a_persona_goes_on_where_its_call_landed(self):
        streams = Streams([ask(p, q) for p in "ABCD" for q in range(9)], 4)
        under_way = [next(streams) for _ in range(4)]
        for group in (under_way[2], under_way[0]):
            streams.landed(group)
        assert names([next(streams), next(streams)]) == ["A1", "C1"]

    def test_what_was_passed_over_leaves_no_trace(self):
        # A resume: the first four are answered, so nothing of theirs goes out.
        streams = Streams([ask(p, q) for p in "AB" for q in range(6)], 2)
        for _ in range(4):
            streams.landed(next(streams))
        assert names([next(streams), next(streams), next(streams)]) == ["A4", "B0", "A5"]

    def test_a_persona_is_computed_once(self):
        # Calls land in the order they went out: three times four personas, all in step.
        server = Server(4)
        carry_out(Streams([ask(p, q) for p in "ABCDEFGHIJKL" for q in range(8)], 4), 4, server)
        assert server.computed == 12

    @pytest.mark.parametrize("seed", range(5))
    def test_a_persona_stays_with_a_cache_however_calls_land(self, seed):
        draws = random.Random(seed)
        plan = [ask(p, q) for p in "ABCDEFGHIJKL" for q in range(8)]
        computed = {}
        for count in (1, 4):
            server = Server(4)
            carry_out(Streams(plan, count), 4, server, pick=lambda flying: draws.randrange(len(flying)))
            computed[count] = server.computed
        assert computed[4] <= 18  # 12, and at the end the last personas are shared out
        assert computed[1] >= 30  # in the plan's order nearly every slot computes nearly every persona

    def test_a_request_of_one_message_has_no_persona(self):
        plan = [
            {str(i): ChooseRequest(model="m", messages=(Message("user", str(i)),), options=("A",))}
            for i in range(4)
        ]
        assert names(Streams(plan, 3)) == ["0", "1", "2", "3"]
