"""Raters who answer without a pause, all at once: what the judging page and its SQLite store bear.

Each rater agrees, takes a place, and sends an answer as soon as the last was stored; nobody reads. The script
fails where a verdict that was sent is not in the export at the end. It has no peer to be held against.

    python benchmarks/bench_judging.py [--raters 50] [--questions 10]
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import html
import itertools
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import numpy as np
import polars as pl

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
_CHOICE = re.compile(r'name="choice" value="([^"]+)"')
_FINISHED = "Thank you"


def material(folder: Path, personas: int, questions: int) -> None:
    """Write pairs and personas of words made up here."""
    cells = list(itertools.product(range(personas), range(questions)))
    pairs = {
        "persona_id": [f"p{persona}" for persona, _ in cells],
        "prompt_id": [f"q{question}" for _, question in cells],
        "prompt": [f"Question {question}?" for _, question in cells],
        "first": [f"An answer, the first of {persona} and {question}." for persona, question in cells],
        "second": [f"Another, the second of {persona} and {question}." for persona, question in cells],
    }
    pl.DataFrame(pairs).write_parquet(folder / "pairs.parquet")
    ids = [f"p{n}" for n in range(personas)]
    people = {"persona_id": ids, "text": [f"Meet {one}." for one in ids]}
    pl.DataFrame(people).write_parquet(folder / "personas.parquet")


def hidden(page: str) -> dict[str, str]:
    """Read the hidden fields of a page's form."""
    return {name: html.unescape(value) for name, value in _HIDDEN.findall(page)}


async def rater(session: aiohttp.ClientSession, base: str, seconds: dict[str, list[float]]) -> int:
    """Go through the study; give the answers that were sent."""
    async with session.get(f"{base}/") as page:
        form = hidden(await page.text()) | {"agree": "yes"}
    async with session.post(f"{base}/begin", data=form, allow_redirects=False) as begun:
        place = base + begun.headers["location"].removesuffix("/instructions")
    for sent in itertools.count():
        start = time.perf_counter()
        async with session.get(place) as page:
            text = await page.text()
        seconds["page"].append(time.perf_counter() - start)
        if _FINISHED in text:
            return sent
        start = time.perf_counter()
        answer = hidden(text) | {"choice": _CHOICE.findall(text)[0]}
        async with session.post(place, data=answer, allow_redirects=False) as stored:
            assert stored.status == 303, stored.status
        seconds["answer"].append(time.perf_counter() - start)
    raise AssertionError("unreachable")


async def everybody(base: str, raters: int) -> tuple[list[int], float, dict[str, list[float]]]:
    """Let all raters go at once."""
    seconds: dict[str, list[float]] = {"page": [], "answer": []}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=raters)) as session:
        start = time.perf_counter()
        sent = await asyncio.gather(*(rater(session, base, seconds) for _ in range(raters)))
        return sent, time.perf_counter() - start, seconds


def main() -> None:
    """Serve a study, let raters go through it, and count what was stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--questions", type=int, default=10)
    given = parser.parse_args()
    populace = [sys.executable, "-m", "populace", "judge"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        material(folder, -(-given.raters // 4), given.questions)
        serve = [*populace, "serve", "pairs.parquet", "--personas", "personas.parquet", "--raters", "4"]
        serve += ["--port", "8497", "--questions", str(given.questions)]
        with subprocess.Popen(
            serve, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                time.sleep(8)
                sent, took, seconds = asyncio.run(everybody("http://127.0.0.1:8497", given.raters))
            finally:
                server.terminate()
        export = [*populace, "export", "judging.sqlite", "--out", "said.parquet"]
        subprocess.run(export, cwd=folder, check=True, capture_output=True)
        stored = pl.read_parquet(folder / "said.parquet")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{datetime.date.today()}, {machine}, load {os.getloadavg()[0]:.1f}")
    print(f"{given.raters} raters, {sum(sent):,} answers in {took:.1f} s: {sum(sent) / took:.0f} a second")
    for what, found in seconds.items():
        middle, late = np.quantile(found, [0.5, 0.95])
        print(f"{what}: {1000 * middle:.0f} ms in the middle, 95 % within {1000 * late:.0f} ms")
    pairs = given.raters * given.questions
    print(f"{stored.height:,} verdicts exported of {pairs:,} sent; checks are not among them")
    sys.exit(stored.height != pairs)


if __name__ == "__main__":
    main()
