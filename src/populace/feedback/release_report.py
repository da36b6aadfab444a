"""The account of an import of the PERSONA release: counts, oddities, and what its labels are worth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from populace.atomic import write_atomic
from populace.errors import DataError
from populace.personas.imports import Defect, ImportReport

__all__ = ["ASSUMED", "Counter", "ReleaseReport"]

ASSUMED = (
    "The label is assumed, never judged: `data` is called chosen because it is the rewrite. "
    "The rule 'always the rewrite' is right on every row by construction, whatever the persona."
)
PAPER = {"train": 100, "test": 50, "held_out": 50}
"""Pairs of each persona, as the paper states them."""

_WHAT = {
    "nan": "is the text of a missing value (nan, none, null)",
    "empty": "is empty",
}
_FEW_WORDS = 5


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole account of one import."""

    source: str
    citation: str
    licence: str
    url: str
    file: str
    files: tuple[tuple[str, str], ...]
    """Name and BLAKE2b of each file."""
    rows: int
    pairs: int
    left_out: int
    """Rows without a persona, a question or one of the two answers."""
    repeated: int
    """Rows that repeat a pair word for word, and are left out too."""
    texts: int
    """Different persona texts."""
    personas: int
    """Different personas, once read."""
    prompts: int
    splits: dict[str, int]
    """Pairs by split: train, test, held_out, unknown."""
    as_paper: int
    """Authors who have exactly 100, 50 and 50 of these."""
    shorter: float
    """Share of pairs whose rewrite has fewer words."""
    longer: float
    """Share of pairs whose rewrite has more words: the paper asks for fewer tokens."""
    length_rule: float
    """Share of the assumed labels that 'the shorter answer' gets right, ties counted one half."""
    label: str
    defects: tuple[Defect, ...]
    people: ImportReport
    """Every persona value that was read otherwise than written, with its first row."""

    def save(self, path: str | Path) -> None:
        """Write everything but `people` as JSON.

        Raises
        ------
        DataError
            If the name ends in something else.
        """
        if Path(path).suffix != ".json":
            raise DataError("a report is .json", file=path, fix="change the name's ending")
        found = {name: getattr(self, name) for name in self.__struct_fields__ if name != "people"}
        write_atomic(path, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")

    def text(self) -> str:
        """Say it in words; the personas' part is `people.text()`."""
        splits = ", ".join(f"{count:,} {name}" for name, count in self.splits.items() if count)
        lines = [
            f"{self.source} ({self.licence}): {self.rows:,} rows, {self.pairs:,} pairs of {self.personas:,} "
            f"personas and {self.prompts:,} questions",
            f"split: {splits}; {self.as_paper:,} personas have the paper's 100, 50 and 50",
            f"{self.left_out:,} rows are no pair, {self.repeated:,} repeat one",
            f"the rewrite is shorter in {_percent(self.shorter)}, longer in {_percent(self.longer)}; "
            f"'the shorter answer' gets {_percent(self.length_rule)} of the assumed labels right",
            self.label,
            *self._warnings(),
        ]
        lines += [
            f"{each.name}: {each.count:,} ({_percent(each.share)})"
            + (f", first in row {each.row}" if each.row else "")
            + f": {each.description}"
            for each in self.defects
        ]
        return "\n".join(lines)

    def _warnings(self) -> list[str]:
        """Say where the splits may not be what they are called."""
        if self.splits.get("unknown", 0) == self.pairs:
            return ["WARNING: the file does not say what a row is for (`question type`: train or test)"]
        if self.as_paper:
            return []
        return [
            "WARNING: no persona has the release's 100, 50 and 50: this is a part of it, or something else. "
            "A test question that trains only in what is missing is called held_out here"
        ]


class Counter:
    """What is counted while rows pass."""

    def __init__(self) -> None:
        self.pairs = 0
        self._left_out = self._repeated = self._shorter = self._longer = 0
        self._found: dict[str, tuple[str, int, int]] = {}
        self._ids: set[bytes] = set()
        self._asked: set[bytes] = set()
        self._splits: dict[str, dict[str | None, int]] = {}

    def text(self, column: str, text: str | None, row: int, *, nan: bool) -> None:
        """Look at one cell."""
        name = column.replace(" ", "-")
        if nan:
            self._odd(f"nan-{name}", f"`{column}` {_WHAT['nan']}", row)
        elif text is None or not text.strip():
            self._odd(f"empty-{name}", f"`{column}` {_WHAT['empty']}", row)

    def left(self) -> None:
        """Count a row that is no pair."""
        self._left_out += 1

    def new(self, pair_id: str, row: int) -> bool:
        """Whether the pair is new; one that is not is counted."""
        key = bytes.fromhex(pair_id)
        if key in self._ids:
            self._repeated += 1
            self._odd("repeated-row", "a pair comes again, word for word; it is left out", row)
            return False
        self._ids.add(key)
        return True

    def pair(
        self,
        author: str,
        prompt_id: str,
        prompt: str,
        row: int,
        seen: tuple[str | None, bool, tuple[int, int]],
    ) -> None:
        """Look at one pair: its split, whether the answers are the same, and their words."""
        split, same, (before, after) = seen
        self.pairs += 1
        mine = self._splits.setdefault(author, {})
        mine[split] = mine.get(split, 0) + 1
        self._shorter += after < before
        self._longer += after > before
        if after > before:
            self._odd("rewrite-longer", "the rewrite has more words than the answer it should shorten", row)
        if same:
            self._odd("same-answers", "both answers are the same: no preference can be right", row)
        asked = bytes.fromhex(author + prompt_id)
        if asked in self._asked:
            self._odd("question-twice", "a persona is asked the same question twice", row)
        self._asked.add(asked)
        if split is None:
            self._odd("split-unknown", "`question type` says neither train nor test", row)
        if "?" not in prompt:
            self._odd("no-question-mark", "the paper drops openings without a question mark", row)
        if len(prompt.split()) < _FEW_WORDS:
            self._odd("under-five-words", "the paper drops openings of under five words", row)

    def report(
        self,
        file: str,
        files: tuple[tuple[str, str], ...],
        rows: int,
        people: ImportReport,
        *,
        personas: int,
        texts: int,
        prompts: int,
        fitted: Mapping[str, tuple[str, list[int]]],
    ) -> ReleaseReport:
        """Close the account."""
        defects = [
            Defect(name, what, len(places), len(places) / rows, min(places))
            for name, (what, places) in fitted.items()
            if places
        ]
        defects += [
            Defect(name, what, count, count / rows, first)
            for name, (what, count, first) in sorted(self._found.items(), key=lambda each: -each[1][1])
        ]
        splits = {
            name: sum(mine.get(key, 0) for mine in self._splits.values())
            for name, key in (*((name, name) for name in PAPER), ("unknown", None))
        }
        ties = self.pairs - self._shorter - self._longer
        return ReleaseReport(
            source=people.source,
            citation=people.citation,
            licence=people.licence,
            url=people.url,
            file=file,
            files=files,
            rows=rows,
            pairs=self.pairs,
            left_out=self._left_out,
            repeated=self._repeated,
            texts=texts,
            personas=personas,
            prompts=prompts,
            splits=splits,
            as_paper=sum(mine == PAPER for mine in self._splits.values()),
            shorter=self._shorter / self.pairs,
            longer=self._longer / self.pairs,
            length_rule=(self._shorter + ties / 2) / self.pairs,
            label=ASSUMED,
            defects=tuple(defects),
            people=people,
        )

    def _odd(self, name: str, what: str, row: int) -> None:
        _, count, first = self._found.get(name, (what, 0, row))
        self._found[name] = (what, count + 1, first)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
