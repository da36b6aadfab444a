"""What a model says that people answer: distributions from a file of the user's, or from a run of `grounded`.

A JSON file is an object, question -> option -> probability, or question -> group -> option -> probability.
A Parquet or CSV file has the columns `question`, `option`, `probability`, and `group` where they differ by
group. A question without groups is predicted alike for all. Probabilities need not add up to 1: what is
missing, or stands beside options that do not count, is reported as lost mass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.published.gold import OVERALL, Question
from populace.opinions.published.ledger import Ledger, Row, row_of
from populace.opinions.table import Opinions

__all__ = ["Predictions", "predictions_of_run", "read_predictions"]


@dataclass(frozen=True)
class Predictions:
    """Distributions by question and group.

    Attributes
    ----------
    name
        As tables name the model.
    tables
        Question -> group (None for all) -> option -> probability.
    """

    name: str
    tables: Mapping[str, Mapping[str | None, Mapping[str, float]]]

    def beside(self, question: Question, ledger: Ledger) -> np.ndarray:
        """Lay the predictions of one question beside its options.

        Returns
        -------
        Shape (G, K), rows adding up to 1, nan where there is no prediction.

        Examples
        --------
        >>> asked = Question("q", ("Yes", "No"), ("Overall",), np.array([[0.5, 0.5]]), refusals=("Refused",))
        >>> ledger = Ledger()
        >>> given = Predictions("mine", {"q": {None: {"yes": 0.6, "No": 0.2, "Refused": 0.2}}})
        >>> given.beside(asked, ledger).round(2).tolist(), round(ledger.refused, 2)
        ([[0.75, 0.25]], 0.2)
        """
        found = np.full((len(question.groups), len(question.options)), np.nan)
        by_group = None
        for key in (question.key, *question.aliases):
            if key in self.tables:
                ledger.used.add(key)
                by_group = self.tables[key]
                break
        # Most predictions are alike for all groups: each is matched once.
        rows: dict[int, Row] = {}
        for place, group in enumerate(question.groups):
            given = None if by_group is None else _of_group(by_group, group)
            if given is not None and id(given) not in rows:
                rows[id(given)] = row_of(question, given)
            found[place] = ledger.enter(None if given is None else rows[id(given)])
        return found


def _of_group(tables: Mapping[str | None, Mapping[str, float]], group: str) -> Mapping[str, float] | None:
    # `POLPARTY/Democrat` may be given as `Democrat`.
    for name in (group, group.split("/", 1)[-1], None):
        if name in tables:
            return tables[name]
    return None


def read_predictions(path: str | Path, name: str | None = None) -> Predictions:
    """Read the user's distributions.

    Parameters
    ----------
    path
        A .json, .parquet or .csv file, laid out as this module says.
    name
        Of the model; the file's by default.

    Raises
    ------
    DataError
        If the file is missing or laid out otherwise, or a probability is none.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "mine.json"
    >>> _ = file.write_text('{"q1": {"Yes": 0.7, "No": 0.3}}')
    >>> read_predictions(file).tables
    {'q1': {None: {'Yes': 0.7, 'No': 0.3}}}
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            "there is no file of predictions", file=path, fix="give a .json, .parquet or .csv file"
        )
    kind = path.suffix.lower()
    if kind == ".json":
        tables = _from_json(path)
    elif kind in (".parquet", ".csv"):
        tables = _from_table(path, kind)
    else:
        raise DataError(f"predictions are not read from {kind or 'such'} files", file=path,
                        fix="give a .json, .parquet or .csv file")  # fmt: skip
    if not tables:
        raise DataError("the file predicts nothing", file=path)
    return Predictions(name or path.stem, tables)


def _from_json(path: Path) -> dict[str, dict[str | None, dict[str, float]]]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        row = getattr(error, "lineno", None)
        raise DataError(f"this is no JSON ({error})", file=path, row=row) from None
    if not isinstance(read, dict):
        raise DataError("the file holds no object of questions", file=path,
                        fix='write {"question": {"option": 0.5, ...}}')  # fmt: skip
    found: dict[str, dict[str | None, dict[str, float]]] = {}
    for key, given in read.items():
        if not isinstance(given, dict) or not given:
            raise DataError(f"{key!r} has no options", file=path, column=key)
        nested = [isinstance(value, dict) for value in given.values()]
        if any(nested) and not all(nested):
            raise DataError(f"{key!r} mixes groups and options", file=path, column=key)
        by_group = given if all(nested) else {None: given}
        found[key] = {
            group: {option: _mass(mass, path, key, option) for option, mass in options.items()}
            for group, options in by_group.items()
        }
    return found


def _from_table(path: Path, kind: str) -> dict[str, dict[str | None, dict[str, float]]]:
    try:
        frame = pl.read_parquet(path) if kind == ".parquet" else pl.read_csv(path, infer_schema_length=0)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"the file cannot be read ({error})", file=path) from None
    missing = [name for name in ("question", "option", "probability") if name not in frame.columns]
    if missing:
        raise DataError("a column is missing", file=path, column=missing[0],
                        fix="give question, option, probability (and group)")  # fmt: skip
    groups = frame["group"].to_list() if "group" in frame.columns else [None] * frame.height
    found: dict[str, dict[str | None, dict[str, float]]] = {}
    rows = frame.select("question", "option", "probability").iter_rows()
    for number, ((key, option, mass), group) in enumerate(zip(rows, groups, strict=True), start=1):
        if key is None or option is None:
            raise DataError("a question or option is missing", file=path, row=number,
                            column="question" if key is None else "option")  # fmt: skip
        options = found.setdefault(str(key), {}).setdefault(group or None, {})
        if str(option) in options:
            raise DataError(f"{option!r} of {key!r} is there twice", file=path, row=number, column="option")
        options[str(option)] = _mass(mass, path, str(key), str(option), number)
    return found


def _mass(value: Any, path: Path, key: str, option: str, row: int | None = None) -> float:
    try:
        mass = math.nan if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        mass = math.nan
    if not 0 <= mass <= 1 + 1e-6:
        raise DataError(
            f"{value!r}, of {option!r} in {key!r}, is no probability", file=path, row=row,
            column="probability" if row else key, fix="give numbers from 0 to 1",
        )  # fmt: skip
    return mass


def predictions_of_run(
    items: pl.DataFrame, opinions: Opinions, *, arm: str, by: str | None = None
) -> Predictions:
    """Average the predictions of a run of `grounded` over its respondents, by their weights.

    Parameters
    ----------
    items
        The table of items of the run.
    opinions
        The survey that was asked about, for the texts of the options.
    arm
        Whose predictions: an arm of the run.
    by
        An attribute; then there is a distribution for each of its values too, `ATTRIBUTE/value`.

    Raises
    ------
    DataError
        If there is no such arm or attribute, or an item is none of the survey's.
    """
    rows = items.filter(pl.col("arm") == arm).drop_nulls("p")
    if rows.is_empty():
        names = ", ".join(items["arm"].unique(maintain_order=True))
        raise DataError(f"the run has no answers of an arm {arm}", column="arm", fix=f"take one of {names}")
    if by is not None and by not in rows.columns:
        raise DataError("the run does not know this attribute", column=by)
    tables: dict[str, dict[str | None, dict[str, float]]] = {}
    for (key,), some in rows.group_by("prompt_id", maintain_order=True):
        item = opinions.items[opinions.place(str(key))]
        parts = {None: some, OVERALL: some}
        if by is not None:
            parts |= {f"{by}/{value}": part for (value,), part in some.drop_nulls(by).group_by(by)}
            del parts[None]
        tables[item.name] = {group: _mean(part, item.options) for group, part in parts.items()}
    return Predictions(arm, tables)


def _mean(rows: pl.DataFrame, options: tuple[str, ...]) -> dict[str, float]:
    given = np.array(rows["p"].to_list(), dtype=np.float64)
    weights = rows["weight"].to_numpy().astype(np.float64)
    mean = weights @ given / weights.sum() if weights.sum() > 0 else given.mean(axis=0)
    return dict(zip(options, (float(value) for value in mean), strict=True))
