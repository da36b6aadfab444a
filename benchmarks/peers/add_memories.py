"""Have mem0 and LangMem add memories one by one: no language model, and an embedding that costs nothing.

Reads pairs of person and text as JSON from standard input; prints, as the last line, the milliseconds of each
call by peer, or why a peer could not be run. mem0 keeps them in its local Qdrant, in a folder; LangMem in
LangGraph's store in memory, since its stores on disk are other packages.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

DIMENSIONS = 384
VECTOR = [1.0 / DIMENSIONS] * DIMENSIONS


def mem0(rows: list[list[str]]) -> list[float]:
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

        class Fixed:
            """Stands for the embedding model."""

            config = memory.embedding_model.config

            def embed(self, text: str, memory_action: str | None = None) -> list[float]:
                return VECTOR

            def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
                return [VECTOR for _ in texts]

        memory.embedding_model = Fixed()
        return timed(rows, lambda who, text: memory.add(text, user_id=who, infer=False))


def langmem(rows: list[list[str]]) -> list[float]:
    """Add by the tool that LangMem gives to agents, without an agent."""
    import langmem
    from langgraph.store.memory import InMemoryStore

    def embed(texts: list[str]) -> list[list[float]]:
        return [VECTOR for _ in texts]

    store = InMemoryStore(index={"dims": DIMENSIONS, "embed": embed})

    tools = {
        who: langmem.create_manage_memory_tool(namespace=("memories", who), store=store) for who, _ in rows
    }
    return timed(rows, lambda who, text: tools[who].invoke({"content": text, "action": "create"}))


def timed(rows: list[list[str]], add) -> list[float]:
    """Give the milliseconds of each call."""
    add(*rows[0])
    taken = []
    for who, text in rows[1:]:
        start = time.perf_counter()
        add(who, text)
        taken.append(1000 * (time.perf_counter() - start))
    return taken


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
