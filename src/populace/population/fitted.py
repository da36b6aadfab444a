"""Populations and generative models: a model learned from people, and people drawn from a model."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from populace.canonical import file_hash
from populace.errors import DataError
from populace.population.codebook import Codebook, load_codebook
from populace.population.columns import ORDER, geography, with_labels
from populace.population.generative import GenerativeModel
from populace.population.ids import ABOUT_SAMPLE, distinct
from populace.population.people import ADULT, Population
from populace.population.provenance import Provenance, SourceFile

__all__ = ["draw_from", "fit", "is_model"]


def fit(population: Population, *, min_records: int = 20, seed: int = 0) -> GenerativeModel:
    """Learn a generative model from people.

    Whoever was drawn into a sample more than once is one record, with the weight of all their rows: a count
    of 20 stands for 20 people who were asked.

    Parameters
    ----------
    population
        Census people are learned by their codes; those of a survey by their attributes and answers.
    min_records
        Fewest records that anything stored stands for; repeats of a person are one.
    seed
        Chooses the records that the structure is learned from.

    Raises
    ------
    DataError
        If there are too few people, or a column cannot be modelled.

    Examples
    --------
    >>> from populace.population import build
    >>> model = fit(build("us-2024", size=4000, seed=1, states=[50]))
    >>> draw_from(model, "mine", size=3, seed=0).frame["state"].to_list()
    ['Vermont', 'Vermont', 'Vermont']
    """
    from_ = population.provenance
    frame, book = distinct(population.frame), None
    if from_.codebook == "acs_pums":
        book = load_codebook("acs_pums")
        names = [name for name in ORDER if name in frame.columns]
    else:
        names = _answered(frame.select(pl.exclude(ABOUT_SAMPLE)))
    info = {
        "citation": from_.citation,
        "licence": from_.licence,
        "vintage": from_.vintage,
        "geography": from_.geography,
        "codebook": from_.codebook,
        "weight": from_.weight,
        "adults": "yes" if from_.adults else "",
        "people": repr(float(frame["weight"].sum())),
        "records": str(frame.height),
        "rule": f"no count from fewer than {min_records} records",
        "populace": importlib.metadata.version("populace"),
    }
    return GenerativeModel.fit(
        frame.select("weight", *names),
        names,
        weight="weight",
        book=book,
        released_by="STATE" if book else None,
        min_records=min_records,
        info=info,
        seed=seed,
    )


def _answered(frame: pl.DataFrame) -> list[str]:
    """Put who people are before what they answered; columns without any value are passed over."""
    first = ("state", "age", "sex", "hispanic_origin", "race")
    names = [name for name in frame.columns if frame[name].null_count() < frame.height]
    return [*(name for name in first if name in names), *(name for name in names if name not in first)]


def is_model(path: Path) -> bool:
    """Whether a file holds a generative model."""
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return False
    try:
        return "populace.generative" in pl.read_parquet_metadata(path)
    except (pl.exceptions.PolarsError, OSError):
        return False


def draw_from(
    model: GenerativeModel,
    name: str,
    *,
    size: int,
    seed: int,
    adults: bool = False,
    states: Sequence[int] | None = None,
    files: Sequence[Path] = (),
) -> Population:
    """Draw a population from a model.

    Parameters
    ----------
    model
        As fitted.
    name
        Names the source, and begins every person's id.
    size
        People to draw; each weighs the same.
    seed
        Of the random generator.
    adults
        Draw people of 18 years and over only.
    states
        Draw people of these states only (FIPS codes).
    files
        The files the model was read from.

    Raises
    ------
    DataError
        If the model knows neither ages nor states where it should keep to some, or holds nobody like that.
    """
    if size < 1:
        raise DataError(f"cannot draw {size} people", fix="give a size from 1 up")
    info, columns = model.info, [variable.name for variable in model.variables]
    book = load_codebook("acs_pums") if info.get("codebook") == "acs_pums" else None
    where = _where(model, name, book, adults and not info.get("adults"), states)
    drawn = model.draw(size, seed=seed, where=where)
    people = float(info.get("people", size)) * model.share(where)
    ids = pl.format(
        f"{name}-{seed}-{{}}", pl.int_range(pl.len()).cast(pl.String).str.zfill(len(str(size - 1)))
    )
    frame = drawn.with_columns(ids.alias("person_id"), pl.lit(people / size).alias("weight"))
    frame = with_labels(frame, book) if book else frame.select("person_id", "weight", *columns)
    provenance = Provenance(
        source=name,
        citation=info.get("citation", ""),
        files=tuple(SourceFile(path.name, file_hash(path)) for path in files),
        vintage=info.get("vintage", ""),
        geography=geography(states) if states is not None else info.get("geography", ""),
        states=None if states is None else tuple(sorted(set(states))),
        codebook=info.get("codebook", ""),
        codebook_hash=book.hash if book else "",
        seed=seed,
        size=size,
        adults=adults or bool(info.get("adults")),
        weight=info.get("weight", ""),
        stands_for=people,
        licence=info.get("licence", ""),
        from_model=True,
        notes=(
            f"drawn from a generative model of {int(info.get('records', 0)):,} records"
            f" ({info.get('rule', '')}): no record of the survey is in it",
            "household columns describe each person's own household; people are drawn one by one",
        ),
    )
    return Population(frame, provenance)


def _where(
    model: GenerativeModel,
    name: str,
    book: Codebook | None,
    adults: bool,
    states: Sequence[int] | None,
) -> dict[str, list[int | str]]:
    age, state = ("AGEP", "STATE") if book else ("age", "state")
    values = {variable.name: variable.values for variable in model.variables}
    where: dict[str, list[int | str]] = {}
    if adults:
        if age not in values:
            raise DataError(f"{name} knows no ages", column=age, fix="leave out the cut to adults")
        if not values[age]:
            what = f"{name} tells ages as amounts, since few people share one"
            raise DataError(what, column=age, fix="fit adults only, or draw everybody and filter them")
        where[age] = [value for value in values[age] if int(value) >= ADULT]
    if states is not None:
        labels = load_codebook("acs_pums").variables["STATE"].labels
        wanted: list[int | str] = [code if book else labels.get(code, str(code)) for code in states]
        known = values.get(state, [])
        if strange := next((code for code in wanted if code not in known), None):
            fix = "use FIPS codes of states that the model was learned from"
            raise DataError(f"{name} has no state {strange}", column=state, fix=fix)
        where[state] = wanted
    return where
