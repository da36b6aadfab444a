"""`PersonaDB.predict`: planted camps, the leak switch, consent, and what goes with whom."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from populace.errors import DataError
from populace.memory import Consent, Item, PersonaDB, fitting
from populace.memory.auditing import audit_table
from populace.memory.calls import calls_folder
from populace.memory.finding import person_of
from populace.models.records import Failure
from populace.models.scripted import Scripted

OPTIONS = ("Yes", "No")
TOPICS = ("guns", "taxes", "schools", "trees", "trains", "borders")


def answers(side: int, topics: tuple[str, ...] = TOPICS) -> list[Item]:
    return [Item(text=f"More {topic}?", response=OPTIONS[side], options=OPTIONS) for topic in topics]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    where = str(tmp_path_factory.mktemp("predict") / "people.db")
    with PersonaDB.open(where) as db:
        for n in range(60):
            db.add(f"p{n}", answers(n % 2))
        db.add("new", answers(1, TOPICS[:3]))
        db.add("quiet", answers(0, TOPICS[:3]), consent=Consent(("research",), share=False))
    return where


def test_a_camp_is_told_from_three_answers(store: str) -> None:
    with PersonaDB.open(store) as db:
        found = db.predict("new", "More trains?", OPTIONS, same_question=True)
        assert found.person_id == "new" and found.likeliest == "No"
        assert found.probabilities[1] > 0.8 and found.known == 3 and found.said == ""
        assert {each.text for each in found.evidence} <= {f"More {topic}?" for topic in TOPICS[:3]}
        assert all(each.response == "No" for each in found.evidence)
        # The other camp, and somebody whose answers nobody else may use.
        assert db.predict("quiet", "More trains?", OPTIONS, same_question=True).likeliest == "Yes"
        # What was answered before is said, and not used.
        told = db.predict("p0", "More guns?", OPTIONS, same_question=True)
        assert told.said == "Yes" and told.known == 5


def test_what_was_added_since_counts_and_nothing_is_fitted_again(store: str) -> None:
    with PersonaDB.open(store) as db:
        db.predict("new", "More trains?", OPTIONS, same_question=True)
        held = {kind: each.model for kind, each in fitting._HELD[db.store].items()}
        db.add("late", answers(0, TOPICS[:3]))
        assert db.predict("late", "More borders?", OPTIONS, same_question=True).likeliest == "Yes"
        assert {kind: each.model for kind, each in fitting._HELD[db.store].items()} == held


def test_what_was_fitted_goes_with_who_was_in_it(store: str) -> None:
    with PersonaDB.open(store) as db:
        db.predict("new", "More trains?", OPTIONS, same_question=True)
        ((model, *_),) = fitting._HELD[db.store].values()
        db.forget("p39")
        assert db.predict("new", "More trains?", OPTIONS, same_question=True).likeliest == "No"
        ((again, _, predictor),) = fitting._HELD[db.store].values()
        assert again != model
        with db.store.read() as connection:
            left = {str(person_of(connection, name)) for name in db.people()}
        assert set(predictor.told) <= left


def test_nobody_and_too_few_are_said(tmp_path, store: str) -> None:
    with PersonaDB.open(store) as db, pytest.raises(DataError, match="nobody named 'who'"):
        db.predict("who", "More trains?", OPTIONS)
    with PersonaDB.open(str(tmp_path / "few.db")) as db:
        db.add("ada", answers(0))
        found = db.predict("ada", "More trains?", OPTIONS)
        assert found.abstained and found.probabilities == (0.5, 0.5)
        assert "people share answers" in found.why and found.calibration is None
        with pytest.raises(DataError, match="people share answers"):
            db.predict("ada", "More trains?", OPTIONS, "collaborative")


def test_each_prediction_says_what_its_route_was_worth(store: str) -> None:
    with PersonaDB.open(store) as db:
        found = db.predict("new", "More trains?", same_question=True)
        assert found.options == OPTIONS  # as it was asked before
        told = found.calibration
        assert told is not None and told.route == found.method and told.known == 3
        # Two camps that never differ: three answers tell all the others.
        assert told.accuracy.value > 0.95 and told.gain.low > 0.3 and told.error.value < 0.3
        numbers = {each.item.text: each.item_id for each in db.items("new")}
        assert found.evidence and all(each.item == numbers[each.text] for each in found.evidence)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two regions that answer alike inside, people of whom nothing else is known, and one odd attribute."""
    where = str(tmp_path_factory.mktemp("described") / "people.db")
    with PersonaDB.open(where) as db:
        for n in range(80):
            db.add(f"p{n}", answers(n % 2))
            db.describe(f"p{n}", {"region": ("north", "south")[n % 2], "weight": str(60 + n)})
        db.describe("p0", {"odd": "only she"})
        db.add("silent", Item(text="What else?", response="Nothing."))
        db.describe("silent", {"region": "south"})
    return where


def test_attributes_tell_where_nothing_else_is_known(described: str) -> None:
    with PersonaDB.open(described) as db:
        south = db.predict("silent", "More trains?", OPTIONS, same_question=True)
        assert south.known == 0 and south.attributes == ("region",) and south.likeliest == "No"
        assert south.probabilities[1] > 0.7 and not south.abstained
        # Somebody who is in no store, and an argument that says otherwise.
        north = db.predict(None, "More trains?", OPTIONS, attributes={"region": "north"}, same_question=True)
        assert north.person_id == "" and north.likeliest == "Yes"
        moved = db.predict(
            "silent", "More trains?", OPTIONS, attributes={"region": "north"}, same_question=True
        )
        assert moved.likeliest == "Yes"
        # What only one person shares tells nobody anything, nor does a number by its name.
        odd = db.predict(None, "More trains?", OPTIONS, attributes={"odd": "only she"}, same_question=True)
        assert odd.attributes == () and "odd" in odd.notes[0]
        with pytest.raises(DataError, match="is no number"):
            db.predict(None, "More trains?", OPTIONS, attributes={"weight": "heavy"}, same_question=True)


def test_what_is_asked_must_be_a_question(described: str) -> None:
    with PersonaDB.open(described) as db:
        for options in (["Yes"], ["Yes", "Yes"], []):
            with pytest.raises(DataError, match="no options"):
                db.predict("silent", "More trains?", options)
        with pytest.raises(DataError, match="nothing is asked"):
            db.predict("silent", " ", OPTIONS)
        with pytest.raises(DataError, match="no method is 'magic'"):
            db.predict("silent", "More trains?", OPTIONS, "magic")  # type: ignore[arg-type]
        with pytest.raises(DataError, match="no model is named"):
            db.predict("silent", "More trains?", OPTIONS, "model")


def test_others_own_words_are_candidates_only_when_asked_for(tmp_path) -> None:
    with PersonaDB.open(str(tmp_path / "words.db")) as db:
        for n in range(60):
            said = ("I want lower taxes", "Please plant more trees")[n % 2]
            db.add(f"p{n}", [*answers(n % 2), Item(text="What matters?", response=f"{said}, truly {n % 7}")])
        db.add("p60", [*answers(0), Item(text="What matters?", response="zebra quagga okapi")])
        db.add("new", answers(1, TOPICS[:4]))
        with pytest.raises(DataError, match="others' own words"):
            db.predict("new", "What matters?")
        found = db.predict("new", "What matters?", words=True, same_question=True)
        assert "trees" in found.likeliest and found.probabilities[found.options.index(found.likeliest)] > 0.5
        # What one person alone said is no candidate.
        assert not any("zebra" in each for each in found.options)


def test_ordered_options_have_a_mean_and_a_median(tmp_path) -> None:
    scale = ("never", "at times", "often")
    with PersonaDB.open(str(tmp_path / "ordered.db")) as db:
        for n in range(60):
            rows = [
                Item(text=f"How often {t}?", response=scale[2 * (n % 2)], options=scale, ordinal=True)
                for t in TOPICS
            ]
            db.add(f"p{n}", rows)
        db.add(
            "new",
            [Item(text=f"How often {t}?", response="often", options=scale, ordinal=True) for t in TOPICS[:3]],
        )
        found = db.predict("new", "How often trains?", same_question=True)
        assert found.ordinal and found.middle == "often" and found.expected is not None
        assert found.expected > 2.5


def truthful(request):
    """Read the person's camp off what is told, and say it."""
    told = request.messages[0].content
    yes = told.count(" Yes") >= told.count(" No")
    first = "1: Yes" in request.messages[1].content
    at = 0 if yes == first else 1
    sure = 0.8 + 0.02 * (len(told) % 8)  # an interval needs answers that differ
    return [sure if place == at else 1 - sure for place in range(len(request.options))]


def test_a_model_is_told_hits_and_asked_in_both_orders(store: str) -> None:
    asked = []
    model = Scripted(choice=lambda request: asked.append(request) or truthful(request))
    with PersonaDB.open(store, actor="me") as db:
        found = db.predict("new", "More trains?", OPTIONS, "model", model=model, tokens=300)
        assert found.method == "model" and found.likeliest == "No" and found.model == model.model
        assert len(asked) == 2 and "not weighed" in found.why and found.calibration is None
        assert {hit.items[0] for hit in found.hits} == {each.item_id for each in db.items("new")}
        assert 0 < found.tokens <= 300
        # An earlier answer to the very question is never told.
        db.predict("p0", "More guns?", OPTIONS, "model", model=model)
        assert "guns" not in asked[-1].messages[0].content
        lines = audit_table(db.store, "new")
        assert "predict by model" in lines["action"].to_list()
        assert not calls_folder(db.store).exists()
        both = db.predict("new", "More trains?", OPTIONS, "blend", model=model, same_question=True)
        assert both.method == "blend with model" and "half and half" in both.why and both.likeliest == "No"


def test_a_model_that_says_nothing_is_said_and_the_routes_stand(store: str) -> None:
    model = Scripted(
        fail=lambda request, before: Failure(
            key=request.key, boundary="server", message="no", retryable=False
        )
    )
    with PersonaDB.open(store) as db:
        found = db.predict("new", "More trains?", OPTIONS, "model", model=model, same_question=True)
        assert found.method != "model" and "no answer that can be read" in found.notes[-1]
        assert found.likeliest == "No"


def test_auto_asks_a_model_only_where_it_was_shown_to_help(store: str) -> None:
    model = Scripted(choice=truthful)
    with PersonaDB.open(store) as db:
        found = db.predict("new", "More trains?", OPTIONS, model=model)
        assert found.model == "" and "not weighed" in found.notes[-1]
        weighed = db.weigh(model, known=3, cells=40)
        assert weighed.asked == 40 and weighed.answered == 40
        assert weighed.alone.accuracy.value > 0.9 and weighed.alone.gain.low > 0
        found = db.predict("new", "More trains?", OPTIONS, model=model)
        assert found.likeliest == "No"
        if found.model:
            assert found.method in ("model", "blend with model") and found.calibration is not None
        else:
            assert "adds nothing for sure" in found.notes[-1]
        # What was measured goes with who was in it.
        told = db.predict("new", "More trains?", OPTIONS, "model", model=model)
        assert told.calibration is not None
        db.forget("p38")
        assert db.predict("new", "More trains?", OPTIONS, "model", model=model).calibration is None
        with pytest.raises(DataError, match="not weighed for 5"):
            db.weigh(model, known=5)
