"""People with marked words for tests of the memory, and what is derived of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from populace.memory import Item, PersonaDB


def mark(name: str) -> str:
    """A word that stands in all words of one person and nowhere else."""
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def vector(name: str, size: int = 64) -> bytes:
    """Bytes of a vector of one person and of nobody else."""
    return hashlib.shake_128(name.encode()).digest(size)


def needles(name: str) -> list[bytes]:
    """What must not be found of a person who is gone; a vector may be cut by a page, so its parts count."""
    return [mark(name).encode(), vector(name)[:16], vector(name)[-16:], vector(name + "!", 9000)[4000:4016]]


def items(name: str, count: int = 6) -> list[Item]:
    own = mark(name)
    free = [
        Item(text=f"Question {n}?", response=f"{own} answered {n}, {'and went on ' * n}", topic=f"{own} {n}")
        for n in range(count)
    ]
    long = Item(text=f"{own} {'long ' * 1500} {own}", source=f"file {own}", time=5.0)
    choice = Item(text="Tea or coffee?", response="Tea", options=("Tea", "Coffee"))
    return [*free, long, choice]


def derive(db: PersonaDB, name: str, others: list[str]) -> None:
    """Write a statement, a cache, codes, neighbours and a model that rest on a person's items."""
    from populace.memory import tables as t
    from populace.memory.adding import people_named
    from populace.memory.fitted import keep_fit
    from populace.memory.words import put_blobs

    kept = db.items(name)
    with db.store.write() as writing:
        numbers = people_named(writing, [name, *others])
        person, add, own = numbers[name], writing.insert, mark(name)
        words = writing.words.use(Counter([f"{own} likes tea", f"{own} cache", "rules", "prompt", "recipe"]))
        statement = writing.numbers("statement", 1)
        blobs = put_blobs(writing, [vector(name), vector(name)])
        names = ("statement", "person", "layer", "field", "text", "model", "prompt", "confidence", "made")
        text = words[f"{own} likes tea"]
        row = (statement, person, "distilled", "topics", text, words["rules"], words["prompt"], 0.5, 1.0)
        add(t.statements, names, [row])
        sources = [(statement, person, each.item_id) for each in kept[:2]]
        add(t.statement_sources, ("statement", "person", "item"), sources)
        recipe = (person, "distilled", words["recipe"], kept[-1].item_id, 1.0)
        add(t.progress, ("person", "layer", "recipe", "last_item", "made"), [recipe])
        cache = (person, "layers", words[f"{own} cache"], blobs[0], 1.0)
        add(t.caches, ("person", "kind", "text", "blob", "made"), [cache])
        add(t.caches, ("person", "kind", "text", "blob", "made"), [(person, "items test", 0, blobs[1], 1.0)])
        both = [(person, numbers[other]) for other in others] + [(numbers[other], person) for other in others]
        add(
            t.neighbours,
            ("person", "way", "other", "score"),
            [(one, f"by {name}", two, 0.5) for one, two in both],
        )
        fitted = vector(name + "!", 9000)
        keep_fit(writing, f"factors {name}", "research", numbers.values(), fitted, items=len(kept))


def found(folder: Path, wanted: list[bytes], pattern: str = "*") -> list[str]:
    """Name the files that hold any of the bytes."""
    files = [path for path in Path(folder).rglob(pattern) if path.is_file()]
    return [path.name for path in files if any(needle in path.read_bytes() for needle in wanted)]
