"""A process that writes to a memory until it is killed, or for so many turns; says which actions are done.

`python memory_child.py WHERE SEED [TURNS]`: before each action it prints `try ...`, after it `done ...`.
"""

from __future__ import annotations

import random
import sys

from memory_material import derive, items
from populace.errors import DataError
from populace.memory import PersonaDB

BATCH = 40


def act(db: PersonaDB, chance: random.Random, tag: str) -> str:
    """Do one thing, all of which must happen or nothing; say what."""
    name = f"{tag} {chance.randrange(6)}"
    kind = chance.choice(["add", "add", "batch", "describe", "derive", "forget", "forget some", "allow"])
    print(f"try {kind} {name}", flush=True)
    if kind == "add":
        db.add(
            name, {"text": f"Q{chance.randrange(50)}", "response": str(chance.random()), "source": "single"}
        )
    elif kind == "batch":
        source = f"batch {chance.random()}"
        rows = [{"text": f"Q{n}", "response": f"{chance.random()}", "source": source} for n in range(BATCH)]
        db.add(name, rows)
    elif kind == "describe":
        db.describe(name, {"region": str(chance.random())})
    elif kind == "allow":
        db.allow(name, chance.choice(["research", "product"]))
        db.allow(name, "research")
    elif kind == "derive":
        db.add(name, items(name))
        derive(db, name, [])
    elif kind == "forget":
        db.forget(name, patience=0.5)
    else:
        rows = [each.item_id for each in db.items(name) if each.item.source == "single"]
        db.forget(name, rows[:1], patience=0.5)
    return f"{kind} {name}"


def main(where: str, seed: int, turns: int) -> None:
    """Act until the turns are over."""
    chance = random.Random(seed)
    with PersonaDB.open(where) as db:
        print("open", flush=True)
        for _ in range(turns):
            try:
                print("done", act(db, chance, f"writer {seed % 2}"), flush=True)
            except DataError as error:
                # Nobody to forget, or derived twice: the whole action is undone.
                if "nobody here" not in str(error) and "UNIQUE" not in str(error):
                    raise


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
