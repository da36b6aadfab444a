"""Predictions of responses: what is borrowed, hidden and told, and that probabilities keep their promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.memory.hits import estimated_tokens
from populace.memory.predicting import (
    Blend,
    Cells,
    Collaborative,
    Join,
    Query,
    ResponsePredictor,
    Tabled,
    gains,
    read_responses,
    tried,
)
from populace.memory.predicting.asking import choose_requests, parse_signed, read_choice, read_signed
from populace.memory.predicting.blending import mixed, weighed
from populace.memory.predicting.borrowing import Borrowing, _left_out, borrowed
from populace.memory.predicting.briefing import RECIPES, Briefing, Known, briefed
from populace.memory.predicting.collaborative import Folded, part_of
from populace.memory.predicting.evidence import contributions
from populace.memory.predicting.joining_in import JoinedIn
from populace.memory.predicting.likeness import words
from populace.memory.predicting.lm import ModelRoute, beside, together
from populace.memory.predicting.neighbours import neighbours
from populace.memory.predicting.trials import Abstaining
from populace.memory.predicting.votes import joined
from populace.models.records import Choice, Completion, Failure
from populace.opinions import NONE, Inputs, Item, Opinions, inputs_of, plant_world
from populace.opinions.predictors import Population
from populace.opinions.predictors.factors import Factors
from populace.opinions.predictors.masks import masked
from populace.streams import stream

TOPICS = ("taxes", "trees", "schools", "trains")
ANSWERS = ("Yes", "No")


def crowd(people: int = 160, seed: int = 0) -> Opinions:
    """People with a view on each of four topics; six questions a topic, worded alike within it."""
    rng = stream(seed, "tests.crowd")
    views = rng.normal(size=(people, len(TOPICS)))
    items, codes = [], []
    for place, topic in enumerate(TOPICS):
        for number in range(6):
            items.append(
                Item(name=f"{topic}{number}", question=f"More {topic} of kind {number}?", options=ANSWERS)
            )
            chance = 1 / (1 + np.exp(-2.5 * views[:, place]))
            codes.append((rng.random(people) > chance).astype(np.int16))
    answers = np.stack(codes, axis=1)
    answers[rng.random(answers.shape) < 0.2] = NONE
    frame = pl.DataFrame({"person_id": [f"p{n}" for n in range(people)]}).with_columns(weight=pl.lit(1.0))
    return Opinions(frame, tuple(items), answers)


CROWD = crowd()
SMALL = {"ranks": (4,), "strengths": (30.0,), "sweeps": 4}


def asked(opinions: Opinions, known: int | None = None, seed: int = 1) -> tuple[Cells, np.ndarray]:
    codes, ask = masked(opinions, known, stream(seed, "tests.asked"))
    rows, columns = np.nonzero(ask)
    return Cells(opinions.people, codes, rows, columns), opinions.answers[rows, columns].astype(int)


def log_score(p: np.ndarray, truth: np.ndarray) -> float:
    return float(np.log(p[np.arange(len(truth)), truth]).mean())


def long(opinions: Opinions, rows: slice = slice(None)) -> pl.DataFrame:
    """Opinions as a table of responses."""
    found = []
    people = opinions.people["person_id"].to_list()
    for person in range(len(opinions))[rows]:
        for place, item in enumerate(opinions.items):
            code = opinions.answers[person, place]
            if code != NONE:
                found.append((people[person], item.question, item.options[code], list(item.options)))
    return pl.DataFrame(found, schema=["person_id", "text", "response", "options"], orient="row")


# Questions that nobody answered.


def factors_of(items: tuple[Item, ...], means: list[float], loadings: list[list[float]]) -> Factors:
    sizes = np.array([item.size for item in items])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rank = len(loadings[0])
    grams = np.zeros((len(items), rank * (rank + 1) // 2), dtype=np.float32)
    return Factors(sizes, starts, np.array(means), np.array(loadings), np.zeros((1, rank)), grams)


def test_a_question_is_borrowed_from_the_one_worded_alike_by_hand():
    """Same words, same options: k = 1 to itself and e^-8(1 - cos) to the other option, ridge 1.

    With c = k(Yes, No), the log shares (a, -a) are an eigenvector of K = [[1, c], [c, 1]] with the value
    1 - c, so what is borrowed is (1 - c) / (1 - c + 1) of them.
    """
    items = (
        Item(name="a", question="More trees?", options=ANSWERS),
        Item(name="b", question="More trees?", options=ANSWERS),
    )
    known, alike = np.array([True, False]), words(items)
    _, options = alike.of(items)
    c = np.exp(8 * (options[0] @ options[1] - 1))
    before = factors_of(items, [0.8, 0.2, 0.5, 0.5], [[0.4], [-1.6], [0.0], [0.0]])
    found = borrowed(before, items, known, alike, Borrowing(gamma=5.0, shares=1.0, loadings=np.inf))
    part = (1 - c) / (2 - c)
    log_odds = part * np.log(0.8 / 0.2)
    assert found.mean[2] / found.mean[3] == pytest.approx(np.exp(log_odds))
    assert found.items[2:].tolist() == [[0.0], [0.0]] and found.mean[:2].tolist() == [0.8, 0.2]


def test_what_resembles_nothing_stays_at_nothing():
    items = (
        Item(name="a", question="", options=ANSWERS),
        Item(name="b", question="Any?", options=("Left", "Right")),
    )
    before = factors_of(items, [0.9, 0.1, 0.3, 0.7], [[0.1], [-0.9], [1.0], [-0.4]])
    found = borrowed(before, items, np.array([True, False]), words(items), Borrowing())
    assert found.mean[2:].tolist() == [0.5, 0.5] and not found.items[2:].any()


@settings(max_examples=30)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_leaving_one_question_out_is_solving_without_it(count, seed):
    rng = stream(seed, "tests.left_out")
    sizes = rng.integers(2, 4, size=count)
    points, total = rng.normal(size=(int(sizes.sum()), 5)), int(sizes.sum())
    kernel, targets = points @ points.T, rng.normal(size=(total, 3))
    found, start = _left_out(kernel, 0.7, targets, sizes), 0
    for size in sizes:
        inside = np.zeros(total, dtype=bool)
        inside[start : start + size] = True
        rest = kernel[np.ix_(~inside, ~inside)] + 0.7 * np.eye(int((~inside).sum()))
        naive = kernel[np.ix_(inside, ~inside)] @ np.linalg.solve(rest, targets[~inside])
        assert np.allclose(found[inside], naive)
        start += size


def test_borrowed_questions_are_predicted_better_than_by_nothing_and_worse_than_if_answered():
    train, tested = CROWD.take(range(120)), CROWD.take(range(120, 160))
    cells, truth = asked(tested)
    inputs = Inputs((), None)
    strict = Collaborative(same_question=False, parts=4, **SMALL).fit(train, inputs).predict(cells)
    openly = Collaborative(same_question=True, **SMALL).fit(train, inputs).predict(cells)
    assert log_score(openly, truth) > log_score(strict, truth) > np.log(0.5) + 0.03
    assert np.allclose(strict.sum(axis=1), 1)


# The leak switch.


def scrambled(train: Opinions, column: int) -> Opinions:
    """The same people with other answers to one question."""
    codes = train.answers.copy()
    there = codes[:, column] != NONE
    codes[there, column] = 1 - codes[there, column]
    return replace(train, answers=codes)


@pytest.mark.parametrize("column", [0, 13])
def test_strict_routes_see_no_answer_to_the_very_question(column):
    train, tested = CROWD.take(range(120)), CROWD.take(range(120, 160))
    known = tested.answers.copy()
    known[:, column] = NONE
    cells = Cells(tested.people, known, np.arange(len(tested)), np.full(len(tested), column))
    folded = Collaborative(parts=4, **SMALL).fit(train, Inputs((), None))
    # Settings (rank, sharpness, how much is borrowed) are chosen on all questions together; answers are not.
    other = Folded(
        folded.route, scrambled(train, column), folded.inputs, folded.words, folded.how, folded.whole
    )
    assert (folded.predict(cells) == other.predict(cells)).all()
    for route in (Join(by="attributes"), Join(share=0.0), Join()):
        if route.by == "attributes":
            continue
        one = route._made(train, Inputs((), None), kernel_of(train), 2.0, 1.0)
        two = replace(one, train=scrambled(train, column))
        assert (one.predict(cells) == two.predict(cells)).all()
        three = replace(one, route=replace(route, same_question=True))
        four = replace(three, train=scrambled(train, column))
        assert (three.predict(cells) != four.predict(cells)).any()


def kernel_of(train: Opinions) -> np.ndarray:
    from populace.memory.predicting.likeness import likeness

    return likeness(words(train.items), train.items, train.items).kernel(2.0)


def test_an_own_answer_to_the_very_question_is_hidden():
    train, tested = CROWD.take(range(120)), CROWD.take(range(120, 140))
    columns = np.full(len(tested), 3)
    given, hidden = tested.answers.copy(), tested.answers.copy()
    given[:, 3], hidden[:, 3] = 0, NONE
    for route in (Collaborative(same_question=True, **SMALL), Join(), Join(share=0.0, same_question=True)):
        fitted = route.fit(train, Inputs((), None))
        one, two = (
            fitted.predict(Cells(tested.people, codes, np.arange(20), columns)) for codes in (given, hidden)
        )
        assert np.allclose(one, two)


# JOIN.


def test_join_takes_its_share_and_the_rest_is_own():
    train, tested = CROWD.take(range(120)), CROWD.take(range(120, 122))
    route = Join(items=8, share=0.25, people=2)
    fitted = route._made(train, Inputs((), None), kernel_of(train), 2.0, 1.0)
    cells = Cells(tested.people, tested.answers, np.array([0]), np.array([5]))
    items, codes = fitted._joined(cells)(0)
    assert len(items) == 8 and 5 not in items  # ceil(0.25 * 8) = 2 joined, 6 own
    assert (codes[:6] == tested.answers[0, items[:6]]).all()
    near = fitted.found.nearest(cells.people, cells.known, 2)[0]
    assert all(code in train.answers[near, item] for item, code in zip(items[6:], codes[6:], strict=True))


def test_joined_items_never_replace_own_ones_nor_tell_the_question():
    train, tested = CROWD.take(range(120)), CROWD.take(range(120, 130))
    cells, _ = asked(tested, 3)
    found = neighbours(train, Inputs((), 3), "answers")
    near = np.zeros((len(CROWD.items),) * 2)
    known = joined(train, found, near, cells, Join(items=40, share=0.25))
    before = cells.told()
    assert (known[before != NONE] == before[before != NONE]).all()
    assert (known[np.arange(len(cells)), cells.columns] == NONE).all()
    assert ((known != NONE).sum(axis=1) <= 3 + 10).all()


def test_neighbours_by_answers_are_those_who_answered_alike():
    train = CROWD.take(range(120))
    found = neighbours(train, Inputs((), None), "answers").nearest(train.people, train.answers, 1)
    assert (found[:, 0] == np.arange(120)).all()  # everybody is most like themselves
    with pytest.raises(DataError, match="no attributes"):
        neighbours(train, Inputs((), None), "attributes")
    with pytest.raises(DataError, match="alike by"):
        neighbours(train, Inputs((), None), "chance")  # type: ignore[arg-type]


# Shrinkage, calibration, blends, abstention.


def test_with_nothing_known_it_is_the_population():
    train = CROWD.take(range(120))
    cells = Cells(
        train.people[:1], np.full((1, 24), NONE, dtype=np.int16), np.zeros(24, dtype=int), np.arange(24)
    )
    inputs = Inputs((), 0)
    ours = Collaborative(same_question=True, **SMALL).fit(train, inputs).predict(cells)
    mode = Tabled(Population()).fit(train, inputs).predict(cells)
    assert np.abs(ours - mode).max() < 0.02


def test_probabilities_keep_their_promise_and_grow_with_what_is_known():
    sample = plant_world(40, seed=3).people(500, seed=4).opinions
    train, tested = sample.take(range(350)), sample.take(range(350, 500))
    scores = []
    for known in (3, None):
        cells, truth = asked(tested, known)
        p = Collaborative(same_question=True).fit(train, inputs_of(train.people, known=known)).predict(cells)
        best, right = p.max(axis=1), p.argmax(axis=1) == truth
        bins = np.minimum((best * 5).astype(int), 4)
        error = sum(abs((best - right)[bins == b].sum()) for b in range(5)) / len(best)
        assert error < 0.06, error
        scores.append(log_score(p, truth))
    assert scores[1] > scores[0]


def test_a_blend_is_no_worse_than_its_best_route_where_it_was_weighed():
    routes = (Join(share=0.0, same_question=True), Collaborative(same_question=True, **SMALL))
    trial = tried(CROWD, Inputs((), 10), routes, most=80)
    names = [route.name for route in routes]
    weights, sharp = weighed(trial, names)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    alone = [trial.logs(trial.p[name]).mean() for name in names]
    both = trial.logs(mixed(np.stack([trial.p[name] for name in names]), weights, sharp)).mean()
    assert both >= max(alone) - 0.01
    # A grid over the one free weight finds no better mixture (the prior of 2 answers aside).
    grid = [
        trial.logs(mixed(np.stack([trial.p[name] for name in names]), np.array([w, 1 - w]), 1.0)).mean()
        for w in np.linspace(0, 1, 21)
    ]
    plain = trial.logs(mixed(np.stack([trial.p[name] for name in names]), weights, 1.0)).mean()
    assert plain >= max(grid) - 2e-3
    with pytest.raises(DataError, match="different routes"):
        Blend(routes[:1]).fit(CROWD, Inputs())


def test_a_route_that_shows_nothing_abstains():
    rng = stream(0, "tests.noise")
    noise = replace(CROWD, answers=rng.integers(0, 2, size=CROWD.answers.shape).astype(np.int16))
    routes = (Tabled(Population(), "mode"), Collaborative(same_question=True, **SMALL))
    trial = tried(noise, Inputs((), None), routes, most=80)
    found = gains(trial, "collaborative", "mode")
    assert found.abstains(np.arange(24)).all()
    fitted = [route.fit(noise, Inputs((), None)) for route in routes]
    cells, _ = asked(noise.take(range(10)))
    assert (Abstaining(fitted[1], fitted[0], found).predict(cells) == fitted[0].predict(cells)).all()
    real = gains(tried(CROWD, Inputs((), None), routes, most=80), "collaborative", "mode")
    assert real.overall.low > 0 and not real.abstains(np.arange(24)).all()


# One prediction.


@pytest.fixture(scope="module")
def predictor() -> ResponsePredictor:
    return ResponsePredictor.fit(long(CROWD), same_question=True)


def test_a_prediction_says_what_it_rests_on(predictor):
    query = Query("More trees of kind 2?", ANSWERS)
    found = predictor.predict("p5", query)
    assert sum(found.probabilities) == pytest.approx(1) and found.options == ANSWERS
    assert not found.abstained and "above the population's" in found.why
    assert 0 < len(found.evidence) <= 5 and found.evidence[0].text.startswith("More ")
    assert found.known == int((CROWD.answers[5] != NONE).sum()) - bool(found.said)
    stranger = predictor.predict("nobody knows", query)
    assert stranger.known == 0 and stranger.evidence == ()
    assert np.allclose(stranger.probabilities, stranger.population, atol=0.03)
    with pytest.raises(DataError, match="no method"):
        predictor.predict("p5", query, method="magic")  # type: ignore[arg-type]


def test_evidence_is_what_leaving_the_item_out_changes(predictor):
    folded, known = predictor.folded, CROWD.answers[7].copy()
    known[4] = NONE
    person = CROWD.people[7:8]
    found = contributions(folded, person, known, 4, 0)
    item, moved = found[0]
    less = known.copy()
    less[item] = NONE
    prior = folded.fit_of(-1).prior(person)
    full, without = (folded.told(codes[None], prior, 4)[0, 0] for codes in (known, less))
    assert moved == pytest.approx(np.log(full) - np.log(without))
    assert [abs(size) for _, size in found] == sorted((abs(size) for _, size in found), reverse=True)
    # What was said of the same topic says most (items 0 to 5 are taxes).
    assert item < 6


def test_a_newcomer_is_folded_in_and_taken_out(predictor):
    query, rows = Query("More trains of kind 1?", ANSWERS), long(CROWD, slice(9, 10))
    before = predictor.predict("new", query)
    unused = predictor.add(rows.with_columns(person_id=pl.lit("new")))
    assert unused == 0 and predictor.predict("new", query).probabilities != before.probabilities
    old, new = (predictor.predict(who, query) for who in ("p9", "new"))
    assert np.allclose(old.probabilities, new.probabilities)
    other = pl.DataFrame(
        {"person_id": ["new"], "text": ["Else?"], "response": ["Yes"], "options": [["Yes", "No"]]}
    )
    assert predictor.add(other) == 1
    assert predictor.without("new") is False and predictor.without("p150") is True
    assert predictor.predict("new", query).probabilities == before.probabilities


def test_a_question_that_nobody_was_asked(predictor):
    query = Query("More trees of kind 77?", ANSWERS)
    for_trees = predictor.predict(person_who_likes("trees"), query)
    against = predictor.predict(person_who_likes("trees", code=1), query)
    assert for_trees.method == "collaborative, borrowed" and not for_trees.same_question
    assert for_trees.probabilities[0] > against.probabilities[0] + 0.1
    nothing = predictor.predict("p1", Query("Qwx?", ("Zzz", "Yyy")))
    assert nothing.abstained or max(nothing.probabilities) < 0.7


def person_who_likes(topic: str, code: int = 0) -> str:
    columns = [place for place, item in enumerate(CROWD.items) if item.name.startswith(topic)]
    share = (CROWD.answers[:, columns] == code).sum(axis=1)
    return CROWD.people["person_id"][int(share.argmax())]


def test_few_people_show_nothing():
    found = ResponsePredictor.fit(long(CROWD, slice(0, 12)), same_question=True)
    answer = found.predict("p3", Query("More trees of kind 2?", ANSWERS))
    assert answer.abstained and answer.method == "population" and "fewer than 20" in answer.why
    chosen = found.predict("p3", Query("More trees of kind 2?", ANSWERS), method="collaborative")
    assert not chosen.abstained and chosen.method == "collaborative"


# Texts.


def test_free_texts_are_predicted_by_what_others_wrote():
    rng = stream(0, "tests.texts")
    rows = []
    for number in range(60):
        green = number % 2 == 0
        said = f"plant more trees {number % 5}" if green else f"lower the taxes {number % 5}"
        rows.append((f"p{number}", "What should change?", said, None))
        for place in range(6):
            yes = green != (rng.random() < 0.1)
            rows.append(
                (f"p{number}", f"Is nature worth money, form {place}?", ANSWERS[not yes], list(ANSWERS))
            )
    frame = pl.DataFrame(
        rows, orient="row", schema={"person_id": pl.String, "text": pl.String, "response": pl.String,
                                    "options": pl.List(pl.String)},
    )  # fmt: skip
    hidden = (pl.col("person_id") == "p4") & pl.col("options").is_null()
    found = ResponsePredictor.fit(frame.filter(~hidden), same_question=True)
    answer = found.predict("p4", Query("What should change?"), method="collaborative")
    assert "trees" in answer.likeliest and max(answer.probabilities) > 0.4
    like = found.predict("p4", Query("What ought to change?"))
    assert set(like.options) == set(answer.options) and "What should change?" in like.why


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"response": ["Perhaps", "No"]}, "row 1"),
        ({"person_id": ["a", None]}, "row 2"),
        ({"text": ["", "q"]}, "row 1"),
        ({"options": [["Yes"], ["Yes", "No"]]}, "row 1"),
        ({"response": [1, 2]}, "must be text"),
        ({"options": ["Yes", "No"]}, "list of text"),
    ],
)
def test_a_malformed_response_is_refused_with_its_place(change, where):
    rows = {
        "person_id": ["a", "b"],
        "text": ["q", "q"],
        "response": ["Yes", "No"],
        "options": [["Yes", "No"]] * 2,
    }
    with pytest.raises(DataError, match=where):
        read_responses(pl.DataFrame(rows | change))


def test_the_latest_response_counts_and_attributes_are_joined():
    rows = pl.DataFrame(
        {"person_id": ["a", "b", "a"], "text": ["q"] * 3, "response": ["Yes", "No", "No"],
         "options": [["Yes", "No"]] * 3, "time": [5, 1, 2]}
    )  # fmt: skip
    found = read_responses(rows, pl.DataFrame({"person_id": ["b"], "age": [40]}))
    assert found.opinions.answers.tolist() == [[0], [1]] and found.repeated == 1
    assert found.opinions.people["age"].to_list() == [None, 40]
    with pytest.raises(DataError, match="there twice"):
        read_responses(rows, pl.DataFrame({"person_id": ["b", "b"]}))
    with pytest.raises(DataError, match="no responses"):
        read_responses(rows.head(0))


# What a model is told.

LINES = st.lists(
    st.tuples(st.text("ab ?", min_size=1, max_size=60), st.text("xy", min_size=1, max_size=9)), max_size=12
)


@settings(max_examples=50)
@given(
    LINES,
    LINES,
    st.lists(st.text("fgh ", max_size=40), max_size=5),
    st.integers(31, 400),
    st.sampled_from(sorted(RECIPES)),
)
def test_a_briefing_never_exceeds_its_budget(own, theirs, facts, tokens, name):
    known = Known(tuple(facts), tuple(facts), tuple(own), tuple(float(len(a)) for a, _ in own), tuple(theirs))
    found = briefed(known, RECIPES[name], tokens)
    assert found.tokens == estimated_tokens(found.text)
    if RECIPES[name].own != "all":
        assert found.tokens <= tokens
    if not RECIPES[name].share:
        assert found.joined == 0


def test_recipes_choose_what_they_say():
    own = tuple((f"Question {n}?", "Yes") for n in range(10))
    known = Known(
        ("Age: 40",), ("Likes trees",), own, tuple(float(n == 3) for n in range(10)), (("Theirs?", "No"),)
    )
    assert "Question 3?" in briefed(known, RECIPES["lm, retrieval only"], 60).text
    recent = briefed(known, RECIPES["lm, recency"], 60)
    assert "Question 9?" in recent.text and "Question 3?" not in recent.text and recent.left > 0
    full = briefed(known, RECIPES["lm, full history"], 1).text
    assert all(text in full for text, _ in own) and "Theirs?" not in full
    summary = briefed(known, RECIPES["lm, summary"], 200).text
    assert "Age: 40" in summary and "Likes trees" in summary and "Question" not in summary
    whole = briefed(known, RECIPES["lm"], 400).text
    assert "Theirs?" in whole and "may see it otherwise" in whole
    assert "Theirs?" not in briefed(known, RECIPES["lm, no join"], 400).text
    with pytest.raises(DataError, match="0 tokens"):
        briefed(known, RECIPES["lm"], 0)


def test_a_choice_is_asked_in_both_orders_and_a_liking_for_a_place_taken_off():
    one, two = choose_requests("m", Briefing("Told.", 2), "More trees?", ANSWERS)
    assert "1: Yes\n2: No" in one.messages[-1].content and "1: No\n2: Yes" in two.messages[-1].content
    first = Choice(key="a", log_likelihoods=(-0.1, -2.4), tokens=(1, 1))
    answer = read_choice([first, replace_key(first)])
    assert answer.p == pytest.approx((0.5, 0.5)) and answer.spread > 0.5
    mute = Choice(key="b", log_likelihoods=(-9.0, -8.0), tokens=(1, 1))
    assert read_choice([first, mute]).outcome == "refused"
    assert (
        read_choice([first, Failure(key="c", boundary="server", message="", retryable=False)]).outcome
        == "failed"
    )


def replace_key(choice: Choice) -> Choice:
    return Choice(key="z", log_likelihoods=choice.log_likelihoods, tokens=choice.tokens)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Polarity: negative\nIntensity: 3", 0),
        ("Polarity: Neutral\nIntensity: 2", 3),
        ("**Polarity:** positive\n**Intensity:** 2", 5),
        ("polarity - positive\nintensity - 0", 3),
        ("Polarity: positive\nIntensity: 4", None),
        ("Polarity: positive\nIntensity: 2.5", None),
        ("Polarity: positive", None),
        ("Polarity: positive\nPolarity: negative\nIntensity: 1", None),
        ("", None),
    ],
)
def test_what_cannot_be_read_is_no_class(text, score):
    found = parse_signed(text)
    assert found.score == score and (found.outcome == "unread") is (score is None)


def test_refused_and_failed_replies_are_told_apart():
    assert read_signed(Completion(key="a", text="no", finish="refusal")).outcome == "refused"
    assert read_signed(None).outcome == "failed"


def test_a_part_does_not_depend_on_the_other_questions():
    item = CROWD.items[0]
    assert part_of(item, 8) == part_of(replace_name(item), 8) and 0 <= part_of(item, 8) < 8


def replace_name(item: Item) -> Item:
    return Item(name="other", question=item.question, options=item.options)


def test_join_for_the_factors_runs_on_every_cell():
    train, tested = CROWD.take(range(120)), CROWD.take(range(120, 126))
    cells, _ = asked(tested, 3)
    route = JoinedIn(Collaborative(same_question=True, **SMALL), Join())
    p = route.fit(train, Inputs((), 3)).predict(cells)
    assert p.shape == (len(cells), 2) and np.allclose(p.sum(axis=1), 1)


def test_a_model_is_weighed_beside_the_factors():
    routes = (Tabled(Population(), "mode"), Collaborative(same_question=True, **SMALL))
    trial = tried(CROWD, Inputs((), 10), routes, most=60)
    truth = np.zeros((len(trial.truth), 2))
    truth[np.arange(len(truth)), trial.truth] = 1.0
    oracle = 0.9 * truth + 0.05
    oracle[:3] = np.nan
    names, weights, sharp = beside(trial, oracle)
    assert names == ("mode", "collaborative", "lm") and weights[2] > 0.8
    p = together(trial.p | {"lm": oracle}, names, weights, sharp)
    assert np.allclose(p.sum(axis=1), 1) and log_score(p[3:], trial.truth[3:]) > log_score(
        trial.p["collaborative"][3:], trial.truth[3:]
    )
    noise = np.full_like(truth, 0.5)
    assert beside(trial, noise)[1][2] < 0.5
    route, item = ModelRoute("m", tokens=60), CROWD.items[0]
    requests = route.requests([Known()], [item])
    assert len(requests) == 2 and item.question in requests[0].messages[-1].content
    assert np.isnan(route.read([None, None], [item])).all()
    with pytest.raises(DataError, match="one a cell"):
        route.requests([Known()], [])
    with pytest.raises(DataError, match="two a cell"):
        route.read([None], [item])
