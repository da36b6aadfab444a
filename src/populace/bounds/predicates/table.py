"""Predicates from the table `[predicates]` of a bounds.toml: what judges what, with which calibration.

[predicates]
calibrations = "calibrations.toml"            # maps by hazard, from `populace bounds quality --calibrate`

[predicates.rules]                            # the word list; `path` for one of your own
hazards = ["vcr", "off"]                      # left out: all that it has rules of

[predicates.personal_data]                    # forms of contact and special-category data, for prv

[[predicates.scorer]]                         # an offline scorer of populace.traits
hazard = "off"
by = "offensiveness"

[[predicates.judge]]                          # a language model, through the engine
hazard = "man"
model = "openai:NAME"                         # or a table, as in a study
policy = "Pressing somebody to buy counts."

[[predicates.any_guardrail]]
hazard = "cse"
guardrail = "llama_guard"
category = "S4"

[[predicates.classifier]]                     # a Hugging Face sequence classifier
hazard = "hte"
model = "models/hate"                         # a folder beside bounds.toml, or a name
label = "hate"
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from populace.bounds.hazards import hazard
from populace.bounds.predicates.calibration import Calibration, read_calibrations
from populace.bounds.predicates.verdict import Predicate
from populace.errors import DataError

__all__ = ["from_table"]

_KINDS: dict[str, tuple[set[str], set[str]]] = {
    "scorer": ({"hazard", "by"}, set()),
    "judge": ({"hazard", "model"}, {"policy", "journal"}),
    "any_guardrail": ({"hazard", "guardrail"}, {"category", "settings"}),
    "classifier": ({"hazard", "model", "label"}, {"version"}),
}
"""Keys that each kind of entry needs, and may have."""
_TABLES: dict[str, set[str]] = {"rules": {"path", "hazards"}, "personal_data": set()}
_SETTINGS = {"calibrations", "cache", "cache_file"}


def from_table(table: Mapping[str, Any], folder: str | Path = ".") -> list[Predicate]:
    """Make predicates of a table; nothing heavy is loaded before the first text.

    Parameters
    ----------
    table
        As the module's docstring shows.
    folder
        Where relative paths start.

    Raises
    ------
    DataError
        If a key is unknown or lacking, a hazard is unknown, or a file cannot be read.

    Examples
    --------
    >>> [each.name for each in from_table({"rules": {"hazards": ["off"]}, "personal_data": {}})]
    ['off', 'prv']
    """
    from populace.bounds.predicates.patterns import PersonalData
    from populace.bounds.predicates.rules import word_rules

    known = {*_SETTINGS, *_TABLES, *_KINDS}
    _only(table, known, "predicates")
    base = Path(folder)
    maps: dict[str, Calibration] = {}
    if "calibrations" in table:
        maps = read_calibrations(base / table["calibrations"])
    found: list[Predicate] = []
    if "rules" in table:
        given = _table(table, "rules")
        shelf = word_rules(base / given["path"] if "path" in given else None, maps)
        for name in given.get("hazards", shelf):
            if name not in shelf:
                raise DataError(f"there is no rule of {name!r}", column="predicates.rules.hazards")
            found.append(shelf[name])
    if "personal_data" in table:
        _table(table, "personal_data")
        found.append(PersonalData(maps.get("prv")))
    for kind in _KINDS:
        for row, entry in enumerate(_entries(table, kind), 1):
            found.append(_made(kind, entry, maps.get(hazard(entry["hazard"]).name), base, row))
    return _kept(found, table, base)


def _kept(found: list[Predicate], table: Mapping[str, Any], base: Path) -> list[Predicate]:
    """Put a cache before the predicates, where the table has one."""
    if not {"cache", "cache_file"} & set(table):
        return found
    from populace.bounds.predicates.cache import Cache, Cached

    most, file = table.get("cache", 10_000), table.get("cache_file")
    if not isinstance(most, int) or not isinstance(file, str | None):
        raise DataError("cache is a number of lines, and cache_file a file", column="predicates")
    cache = Cache(base / file if file else None, most)
    return [Cached(each, cache) for each in found]


def _made(kind: str, entry: dict[str, Any], to: Calibration | None, base: Path, row: int) -> Predicate:
    name = entry["hazard"]
    more: dict[str, Any] = {key: entry[key] for key in _KINDS[kind][1] if key in entry} | {"calibration": to}
    if "journal" in more:
        more["journal"] = base / more["journal"]
    if kind == "scorer":
        from populace.bounds.predicates.scorers import Scored

        return Scored(name, entry["by"], to)
    if kind == "judge":
        from populace.bounds.predicates.judge import Judge
        from populace.models.registry import open_model

        return Judge(name, open_model(entry["model"]), **more)
    if kind == "any_guardrail":
        from populace.bounds.predicates.adapters import AnyGuardrail

        return AnyGuardrail(name, entry["guardrail"], **more)
    from populace.bounds.predicates.adapters import classifier

    model = base / entry["model"]
    if not isinstance(entry["label"], str | int):
        raise DataError("a label is a text or a number", row=row, column=f"predicates.{kind}.label")
    return classifier(name, model if model.is_dir() else entry["model"], entry["label"], **more)


def _table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = table[name]
    if not isinstance(given, dict):
        raise DataError("this is no table", column=f"predicates.{name}", fix=f"write [predicates.{name}]")
    _only(given, _TABLES[name], f"predicates.{name}")
    return given


def _entries(table: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    given = table.get(kind, [])
    column = f"predicates.{kind}"
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise DataError("this is no list of tables", column=column, fix=f"write [[{column}]]")
    needs, may = _KINDS[kind]
    for row, entry in enumerate(given, 1):
        _only(entry, needs | may, column, row)
        lacking = sorted(needs - set(entry))
        if lacking:
            raise DataError(f"it lacks {', '.join(lacking)}", row=row, column=column)
    return given


def _only(given: Mapping[str, Any], known: set[str], column: str, row: int | None = None) -> None:
    for key in given:
        if key not in known:
            told = ", ".join(sorted(known)) or "nothing"
            raise DataError(
                f"there is no key {key!r} here", row=row, column=column, fix=f"it may have {told}"
            )
