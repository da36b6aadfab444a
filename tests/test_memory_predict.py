"""`PersonaDB.predict`: planted camps, the leak switch, consent, and what goes with whom."""

from __future__ import annotations

import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from populace.errors import DataError
from populace.memory import Consent, Item, PersonaDB, foretelling
from populace.memory.finding import person_of

OPTIONS = ("Yes", "No")
TOPICS = ("guns", "taxes", "schools", "trees", "trains", "borders")


def answers(side: int, topics: tuple[str, ...] = TOPICS) -> list[Item]:
    return [Item(text=f"More {topic}?", response=OPTIONS[side], options=OPTIONS) for topic in topics]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    where = str(tmp_path_factory.mktemp("predict") / "people.db")
    with PersonaDB.open(where) as db:
        for n in range(40):
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
        held = dict(foretelling._HELD[db.store])
        db.add("late", answers(0, TOPICS[:4]))
        assert db.predict("late", "More borders?", OPTIONS, same_question=True).likeliest == "Yes"
        assert dict(foretelling._HELD[db.store]) == held


def test_what_was_fitted_goes_with_who_was_in_it(store: str) -> None:
    with PersonaDB.open(store) as db:
        db.predict("new", "More trains?", OPTIONS, same_question=True)
        ((model, _),) = foretelling._HELD[db.store].values()
        db.forget("p39")
        assert db.predict("new", "More trains?", OPTIONS, same_question=True).likeliest == "No"
        ((again, predictor),) = foretelling._HELD[db.store].values()
        assert again != model
        with db.store.read() as connection:
            left = {str(person_of(connection, name)) for name in db.people()}
        assert set(predictor.told) <= left


def test_nobody_and_too_few_are_said(tmp_path, store: str) -> None:
    with PersonaDB.open(store) as db, pytest.raises(DataError, match="nobody named 'who'"):
        db.predict("who", "More trains?", OPTIONS)
    with PersonaDB.open(str(tmp_path / "few.db")) as db:
        db.add("ada", answers(0))
        with pytest.raises(DataError, match="people share answers"):
            db.predict("ada", "More trains?", OPTIONS)
