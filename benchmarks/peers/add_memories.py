"""Have mem0 and LangMem add memories one by one and search them: no language model, no key.

Texts are embedded by hashed words, in microseconds, so that what is measured is the store. Reads pairs of
person and text as JSON from standard input; prints, as the last line, the milliseconds of each call by peer
and action, or why a peer could not be run. mem0 keeps memories in its local Qdrant, in a folder; LangMem in
LangGraph's store in memory, since its stores on disk are other packages. A search is one of a person's own.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
import zlib

DIMENSIONS = 384
QUERY = "taxes and rent"
SEARCHES = 200


def embed(text: str) -> list[float]:
    """Count words, by their hash, and scale to unit length."""
    row = [0.0] * DIMENSIONS
    for word in text.lower().split():
        row[zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
    length = math.sqrt(sum(each * each for each in row)) or 1.0
    return [each / length for each in row]


def mem0(rows: list[list[str]]) -> dict[str, list[float]]:
    """Add with `infer=False`, which calls no language model."""
    os.environ.setdefault("OPENAI_API_KEY", "none")
    os.environ.setdefault("MEM0_TELEMETRY", "False")
    from mem0 import Memory

    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEM0_DIR"] = folder
        store = {"path": f"{folder}/qdrant", "embedding_model_dims": DIMENSIONS, "on_disk": True}
        settings = {
            "vector_store": {"provider": "qdrant", "config": store},
            "embedder": {"provider": "openai", "config": {"embedding_dims": DIMENSIONS}},
            "history_db_path": f"{folder}/history.db",
        }
        memory = Memory.from_config(settings)

        class Hashed:
            """Stands for the embedding model."""

            config = memory.embedding_model.config

            def embed(self, text: str, memory_action: str | None = None) -> list[float]:
                return embed(text)

            def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
                return [embed(text) for text in texts]

        memory.embedding_model = Hashed()

        def search(who: str) -> list:
            return memory.search(QUERY, filters={"user_id": who}, top_k=10, threshold=0.0)["results"]

        return timed(rows, lambda who, text: memory.add(text, user_id=who, infer=False), search)


def langmem(rows: list[list[str]]) -> dict[str, list[float]]:
    """Add and search by the tools that LangMem gives to agents, without an agent."""
    import langmem
    from langgraph.store.memory import InMemoryStore

    def embed_all(texts: list[str]) -> list[list[float]]:
        return [embed(text) for text in texts]

    store = InMemoryStore(index={"dims": DIMENSIONS, "embed": embed_all})
    people = {who for who, _ in rows}
    adding = {who: langmem.create_manage_memory_tool(("memories", who), store=store) for who in people}
    asking = {who: langmem.create_search_memory_tool(("memories", who), store=store) for who in people}

    def add(who: str, text: str) -> object:
        return adding[who].invoke({"content": text, "action": "create"})

    def search(who: str) -> list:
        return json.loads(asking[who].invoke({"query": QUERY, "limit": 10}))

    return timed(rows, add, search)


def timed(rows: list[list[str]], add, search) -> dict[str, list[float]]:
    """Give the milliseconds of each call; a search that finds nothing is no search."""
    add(*rows[0])
    took: dict[str, list[float]] = {"add": [], "search": []}
    for who, text in rows[1:]:
        start = time.perf_counter()
        add(who, text)
        took["add"].append(1000 * (time.perf_counter() - start))
    people = sorted({who for who, _ in rows})
    for turn in range(SEARCHES):
        start = time.perf_counter()
        found = search(people[turn % len(people)])
        took["search"].append(1000 * (time.perf_counter() - start))
        if not found:
            raise RuntimeError("a search found nothing of what was added")
    return took


def main() -> None:
    """Try both."""
    rows, told = json.load(sys.stdin), {}
    for name, peer in (("mem0", mem0), ("LangMem", langmem)):
        try:
            told[name] = peer(rows)
        except Exception as error:  # a peer may be missing, or changed
            told[name] = f"not run ({type(error).__name__}: {error})"
    print(json.dumps(told))


if __name__ == "__main__":
    main()
