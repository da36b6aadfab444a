"""Traits of texts: numbers derived by hand, what is empty or foreign, adapters on tiny random models."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace import traits
from populace.errors import DataError, ModelError
from populace.traits.politeness import MARKERS, markers_in
from populace.traits.readability import reading_ease, syllables
from populace.traits.words import sentences, words

LIGHT = ("brevity", "readability", "politeness", "sentiment")
"""Those that load no scikit-learn."""


@pytest.mark.parametrize("name", traits.scorers())
def test_the_surface_of_every_scorer(name: str) -> None:
    scorer = traits.scorer(name)
    assert isinstance(scorer, traits.Scorer)
    texts = [
        "Thank you, that is a good question.",
        "",
        "You fool!",
        "\n \t",
        "Thank you, that is a good question.",
    ]
    found = scorer.score(texts)
    assert found.dtype == np.float64 and found.shape == (5,)
    assert np.isnan(found[[1, 3]]).all(), "what was not said has no trait"
    assert found[0] == found[4]
    assert ((found[[0, 2]] >= scorer.low) & (found[[0, 2]] <= scorer.high)).all()
    alone = [scorer.score([text])[0] for text in texts]
    np.testing.assert_array_equal(found, alone, err_msg="the company of a text changes nothing")
    np.testing.assert_array_equal(traits.reverse(scorer).score(texts), -found)
    assert traits.reverse(traits.reverse(scorer)) is scorer
    assert scorer.score([]).shape == (0,)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_at_all_is_scored_within_the_range_or_not_at_all(texts: list[str]) -> None:
    for name in LIGHT:
        scorer = traits.scorer(name)
        found = scorer.score(texts)
        told = found[~np.isnan(found)]
        assert ((told >= scorer.low) & (told <= scorer.high)).all()
        assert np.isnan(found[[not text.strip() for text in texts]]).all()


def test_brevity_halves_every_hundred_words_and_never_ties() -> None:
    scores = traits.scorer("brevity").score(["word " * count for count in (1, 100, 200, 1000)])
    np.testing.assert_allclose(scores, [2**-0.01, 0.5, 0.25, 2**-10])
    assert traits.scorer("brevity").score(["你好世界"])[0] == 2**-0.04, "four signs are four words"


def test_reading_ease_by_hand() -> None:
    # 2 sentences, 7 words, 9 syllables: ta-ble, ap-ple, the others one.
    text = "The table is big. An apple fell."
    assert [syllables(word) for word in words(text)] == [1, 2, 1, 1, 1, 2, 1]
    assert reading_ease(text) == pytest.approx(206.835 - 1.015 * 7 / 2 - 84.6 * 9 / 7)
    assert traits.scorer("readability").score(["Go."])[0] == 100.0, "121.22, cut to Flesch's scale"
    assert np.isnan(reading_ease("..."))
    # Items of a list are sentences: one after another they would be one of 6 words.
    assert len(sentences("- red cars\n- blue cars\n- green cars")) == 3


@pytest.mark.parametrize(
    ("word", "count"),
    [
        *[("strength", 1), ("settled", 2), ("asked", 1), ("wanted", 2), ("boxes", 2), ("makes", 1)],
        *[("opinion", 3), ("million", 2), ("science", 2), ("idea", 3), ("something", 2), ("well-known", 2)],
        *[("isn't", 2), ("pluralism", 4), ("everybody", 4), ("unique", 2), ("dog's", 1), ("1948", 1)],
    ],
)
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_politeness_is_tanh_of_the_weights_of_what_is_shown() -> None:
    assert markers_in("Thanks! Thank you so much, thanks.") == ["gratitude"], "each way counts once"
    score = traits.scorer("politeness").score
    np.testing.assert_allclose(
        score(["Thanks. Please wait.", "Water boils.", "In fact you did link it.", "What is your name?"]),
        np.tanh([0.87 - 0.30, 0.0, -0.38, -0.27]),
    )
    assert (
        score(["Could you please say more?"])[0] > score(["Please say more."])[0] > score(["So say more."])[0]
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I really appreciate that you have done them.", "gratitude"),
        ("Nice work so far on your rewrite.", "deference"),
        ("Hey, I just tried to help.", "greeting"),
        ("Sorry to bother you.", "apology"),
        ("Could you please say more?", "please"),
        ("Please do not remove warnings.", "please first"),
        ("By the way, where did you find it?", "indirect"),
        ("What is your native language?", "direct question"),
        ("So can you retrieve it or not?", "direct start"),
        ("Would you look at it?", "counterfactual modal"),
        ("You’ve reverted yourself.", "second person first"),
        ("I suggest we start with that.", "hedge"),
        ("In fact you did link it.", "factuality"),
    ],
)
def test_each_way_is_found_in_a_sentence_of_its_kind(text: str, name: str) -> None:
    assert name in markers_in(text)


def test_every_way_has_a_name_of_its_own() -> None:
    assert len({marker.name for marker in MARKERS}) == len(MARKERS)


def test_sentiment_and_offensiveness_point_the_right_way() -> None:
    good, bad = traits.scorer("sentiment").score(
        ["I love this, it is wonderful.", "I hate this, it is awful."]
    )
    assert good > 0.5 and bad < -0.5
    rude, kind = traits.scorer("offensiveness").score(["You stupid idiot, shut up.", "Have a nice day."])
    assert rude > 0.9 and kind < 0.2


@pytest.mark.parametrize("name", ["readability", "sentiment", "politeness", "offensiveness"])
def test_of_another_script_english_scorers_say_nothing(name: str) -> None:
    assert np.isnan(traits.scorer(name).score(["Большое спасибо, это прекрасно."])[0])
    assert not np.isnan(traits.scorer(name).score(["It is fine. Спасибо."])[0])


def test_bad_input_is_told_with_its_row() -> None:
    with pytest.raises(DataError, match=r"row 2, column brevity: a text is missing"):
        traits.scorer("brevity").score(["yes", None])  # type: ignore[list-item]
    with pytest.raises(DataError, match="a text is a int"):
        traits.scorer("brevity").score([7])  # type: ignore[list-item]
    with pytest.raises(DataError, match="put it into a list"):
        traits.scorer("brevity").score("yes")
    with pytest.raises(DataError, match="2 texts and 1 prompts"):
        traits.scorer("brevity").score(["a", "b"], ["why?"])
    with pytest.raises(DataError, match=r"no trait 'wit'.*brevity, readability"):
        traits.scorer("wit")
    with pytest.raises(ValueError, match="must be above 0"):
        traits.brevity(half=0)


def test_a_function_that_breaks_its_own_word_is_refused() -> None:
    wide = traits.FunctionScorer("x", lambda texts, _: [2.0] * len(texts), 0.0, 1.0, "more x")
    with pytest.raises(DataError, match="row 2, column x: the score 2 is not from 0 to 1"):
        wide.score(["", "b"])
    short = traits.FunctionScorer("x", lambda texts, _: [0.5], 0.0, 1.0, "more x")
    with pytest.raises(DataError, match=r"shape \(1,\) for 2 texts"):
        short.score(["a", "b"])
    with pytest.raises(ValueError, match="is empty"):
        traits.FunctionScorer("x", lambda texts, _: [0.5], 1.0, 1.0, "more x")


def test_similarity_by_hand_and_its_errors() -> None:
    def letters(texts):
        return [[text.count("a"), text.count("b")] for text in texts]

    near = traits.similarity(["a", "b"], letters)
    np.testing.assert_allclose(near.score(["aaa", "ab", ""]), [1.0, np.sqrt(0.5), np.nan])
    mean = traits.similarity(["a", "b"], letters, to="mean")
    np.testing.assert_allclose(mean.score(["aaa"]), [0.5])
    with pytest.raises(DataError, match="row 1, column similarity: an embedding is 0"):
        near.score(["zzz"])
    with pytest.raises(DataError, match="texts to compare with"):
        traits.similarity([], letters)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from populace.traits import sentiment

    sentiment._analyzer.cache_clear()
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    monkeypatch.setitem(sys.modules, "profanity_check", None)
    for name in ("sentiment", "offensiveness"):
        with pytest.raises(DataError, match=r"populace\[traits\]"):
            traits.scorer(name).score(["Hello."])
    sentiment._analyzer.cache_clear()


@pytest.fixture(scope="module")
def tiny():
    """A random classifier of two layers, and a tokenizer of a dozen words."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {
        word: place for place, word in enumerate(["[PAD]", "[UNK]", "user", "assistant", *"abcdef"])
    }
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    )

    def make(labels: int):
        torch.manual_seed(0)
        settings = transformers.BertConfig(
            vocab_size=len(vocabulary), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=16, max_position_embeddings=16, num_labels=labels,
        )  # fmt: skip
        return transformers.BertForSequenceClassification(settings)

    return make, tokenizer


TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"


def test_a_reward_model_reads_the_chat(tiny) -> None:
    make, tokenizer = tiny
    tokenizer.chat_template = TEMPLATE
    net = make(1)
    judge = traits.transformer(net, name="help", larger="more help", tokenizer=tokenizer, batch=2)
    texts, prompts = ["a b", "", "c", "a b"], ["d", "d", "d", "e"]
    found = judge.score(texts, prompts)
    assert np.isnan(found[1]) and (judge.low, judge.high) == (0.0, 1.0)
    assert found[0] != found[3], "the prompt is read"
    # By hand: the logistic function of the model's number for the chat as the template writes it.
    import torch

    with torch.inference_mode():
        logit = net(**tokenizer("user d assistant a b", return_tensors="pt")).logits.item()
    assert found[0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-6)
    bare = traits.transformer(net, name="help", larger="more help", tokenizer=tokenizer, squash=False)
    assert bare.score(["a b"], ["d"])[0] == pytest.approx(logit, abs=1e-5)
    assert not np.isfinite(bare.low)
    with pytest.raises(DataError, match="reads what a text answers"):
        judge.score(["a"])


def test_a_cross_encoder_and_a_classifier(tiny, tmp_path) -> None:
    make, tokenizer = tiny
    pair = traits.transformer(make(1), name="fit", larger="fits", reads="pair", tokenizer=tokenizer)
    fits, other = pair.score(["a", "a"], ["b", "c"])
    assert fits != other
    net = make(3)
    net.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    each = [
        traits.transformer(tmp_path, name="toxic", larger="more", reads="text", label=f"LABEL_{place}")
        for place in range(3)
    ]
    scores = np.array([one.score(["a b c", "d"]) for one in each])
    np.testing.assert_allclose(scores.sum(axis=0), 1.0)
    long = "a " * 500
    assert np.isfinite(each[0].score([long])).all(), "a text beyond the model's limit is cut"


def test_adapters_say_what_is_wrong(tiny, tmp_path) -> None:
    make, tokenizer = tiny
    common = {"name": "x", "larger": "more", "reads": "text"}
    with pytest.raises(ModelError, match=r"LABEL_0, LABEL_1.*label="):
        traits.transformer(make(2), tokenizer=tokenizer, **common).score(["a"])
    with pytest.raises(ModelError, match="no label 'toxic'"):
        traits.transformer(make(2), tokenizer=tokenizer, label="toxic", **common).score(["a"])
    with pytest.raises(ModelError, match="needs its tokenizer"):
        traits.transformer(make(1), **common).score(["a"])
    with pytest.raises(ModelError, match="cannot be loaded"):
        traits.transformer(tmp_path / "none", **common).score(["a"])
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        traits.transformer(make(1), name="x", larger="more", tokenizer=tokenizer).score(["a"], ["b"])
