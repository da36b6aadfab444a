"""From a finished run to what people read: the report and the dataset card."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from populace import population as population_room
from populace.feedback.card import audits_table
from populace.feedback.shortcuts import Finding, findings_markdown, summary
from populace.feedback.templating import templates_hash
from populace.feedback.verdicts import main_way
from populace.personas import ATTRIBUTES
from populace.run import Manifest
from populace.study.designs import panel, repeated
from populace.study.finished import TABLES, finished
from populace.study.prepare import Prepared, prepare

if TYPE_CHECKING:
    from populace.study.study import Study

_ORDER = {
    (each.name, value): place
    for each in ATTRIBUTES
    for place, value in enumerate(each.values)
    if each.ordered
}

__all__ = ["card_facts", "write_report"]

_WAYS = {
    "choice": "by choice, in both orders",
    "likelihood": "by likelihood contrast",
    "samples": "by verdicts written several times, in both orders",
}

_PAIRS = {
    "on-policy": "Both answers are samples of one model, which was shown no persona.",
    "cross-model": "The answers are of two models, which were shown no persona.",
}
"""Of pairs that are no revisions, for the card."""

PACKAGED = "SmolLM2-135M-Instruct"

NOTE_PACKAGED = (
    "SmolLM2-135M-Instruct is a language model of 135 million parameters, packaged so that everything "
    "here runs without a key, a network or a graphics card. It shows that the machinery works; it cannot "
    "show what people want. Its role-play is weak, its answers are often poor, and asked to choose between "
    "two answers it mostly goes by their position. Do not draw conclusions about people, or about larger "
    "models, from these scores."
)
NOTE_ANY = (
    "Every judgement here is a model playing a person, not a person. Later work finds that such judges "
    "agree poorly with real people and flatten minorities (arXiv 2406.11657; Nature Machine Intelligence "
    "2025, s42256-025-00986-z). These scores say how the judge behaves; only people say what people want."
)
SURVEYS = {
    "Opinions and faith": "General Social Survey 2016 to 2024, NORC: fitted models only, no answers",
    "Personality": "SAPA Big Five items (psych package): fitted norms only",
    "Method": "PERSONA, Castricato et al., arXiv 2407.17387",
}

WARN_ABOVE = {
    "refusals": (0.05, "of judgements are refusals: the judge named neither answer"),
    "failed_calls": (0.0, "of judgements have no answer: their calls failed"),
    "cut_short": (0.1, "of pairs hold an answer cut off by the token limit"),
}
"""Measure -> share above which the report warns, and what it says."""

PRIVACY_DRAWN = (
    "No row describes a real person. Census attributes are drawn from tables fitted to public-use microdata, "
    "in which no cell rests on fewer than 20 records; opinions and personality are drawn from survey models "
    "given those attributes; free text is written for the project."
)
PRIVACY_RECORDS = (
    "Census attributes are those of public-use records, without their serial numbers: do not try to find the "
    "people behind them. Opinions and personality are drawn from survey models given those attributes and "
    "are nobody's own; free text is written for the project."
)


def write_report(study: Study) -> Path:
    """Write `report.html` and its figures into the study's folder; return the page's path."""
    from populace.report import ReportContent, write

    manifest = finished(study, TABLES)
    prepared = prepare(study.settings, study.base)
    people = study.table("people")
    content = ReportContent(
        study_name=study.settings.name,
        people=_compared(study, people),
        personas=study.table("personas"),
        prompts=study.table("prompts"),
        pairs=study.table("pairs"),
        judgements=study.table("judgements"),
        estimates=study.table("estimates"),
        census=_census(study, prepared),
        drawn=people.height,
        removed=prepared.passed.removed,
        stages=[
            (name, t.answered, t.prompt_tokens, t.completion_tokens, t.seconds, t.dollars)
            for name, t in manifest.stages.items()
        ],
        provenance=_provenance(study, prepared, manifest),
        model_identity=_identity(study),
        model_note=_note(manifest),
        examples=list(prepared.profiles.values())[:3],
        warnings=_warnings(study, prepared, manifest),
        findings=study.findings(),
    )
    return write(study.folder, content)


def card_facts(study: Study, way: str | None = None) -> dict[str, str]:
    """Return what the dataset card says of this study (names as in `templates/card.md.txt`).

    Parameters
    ----------
    way
        Way of judging that labels the rows, whose audits the card shows; as for `Study.export` if left out.
    """
    manifest = finished(study, TABLES)
    settings = study.settings
    prepared = prepare(settings, study.base)
    source, lost = prepared.population.provenance, prepared.authors.height - study.table("pairs").height
    missing = (
        f" {lost:,} of {prepared.authors.height:,} pairs were not finished and are missing." if lost else ""
    )
    prompts = study.table("prompts")
    licences = "; ".join(prompts["licence"].unique().sort().drop_nulls()) or "licence not stated"
    judgements = study.table("judgements")
    ways = " and ".join(_WAYS[way] for way in judgements["way"].unique(maintain_order=True))
    sources = {"Census": f"{source.citation} ({source.licence})", **SURVEYS}
    return {
        "licence_id": "other" if settings.prompts.source != "builtin" else "apache-2.0",
        "title": f"{settings.name}: preferences of role-played personas",
        "people": f"{settings.personas.size:,} personas{_preset(study)} of {source.size:,} people "
        f"drawn from {source.source} "
        f"({source.citation}) with seed {settings.seed}; adults "
        f"{'and minors' if settings.personas.minors else 'only'}.",
        "questions": f"{prompts.height} prompts over {prompts['topic'].n_unique()} topics ({licences})"
        f"{repeated(settings, prompts.height)}.{missing}",
        "writer": " and ".join(_writers(study)),
        **({"pairs": _PAIRS[settings.feedback.pairs]} if settings.feedback.pairs in _PAIRS else {}),
        "judge": f"Each pair was judged by {panel(settings)}, {ways}, by {judgements['judge'][0]}. "
        f"{_labels(judgements, way)}",
        "trust": _note(manifest),
        "audits": _audits(study.findings(way)),
        "scores": audits_table(study.table("estimates")),
        "privacy": PRIVACY_DRAWN if _builtin(study) else PRIVACY_RECORDS,
        "sources": "\n".join(f"- {name}: {text}" for name, text in sources.items()),
    }


def _labels(judgements: pl.DataFrame, way: str | None) -> str:
    """Say which way of judging the rows' labels are of, and that the audits are of the same."""
    way = way or main_way(judgements)
    return f"The labels are those {_WAYS[way]}, and so are the verdicts that were audited."


def _audits(findings: list[Finding]) -> str:
    """Say on the card which audits failed, how each ended, and how to read them."""
    read = (
        "Each audit holds one shortcut against verdicts or texts. Of the number tested more is worse, "
        "and its whole interval has to lie below the limit (`docs/design/audits.md` of populace says how)."
    )
    return f"**{summary(findings)}** {read}\n\n{findings_markdown(findings)}"


def _writers(study: Study) -> list[str]:
    """Return the models that wrote the answers, that of the first answer first."""
    pairs = study.table("pairs")
    names = (pairs[column].unique().sort() for column in ("model", "revision_model"))
    return list(dict.fromkeys(name for each in names for name in each))


def _identity(study: Study) -> str:
    """Say who wrote the answers, and who judged them where that is another model."""
    writers, judge = _writers(study), study.table("judgements")["judge"][0]
    return " and ".join(writers) + ("" if [judge] == writers else f", judged by {judge}")


def _preset(study: Study) -> str:
    name = study.settings.personas.preset
    return f" of {name}," if name else ""


def _builtin(study: Study) -> bool:
    return study.settings.population.source == population_room.EMBEDDED


def _compared(study: Study, people: pl.DataFrame) -> pl.DataFrame:
    """Read people as the margins beside them were taken."""
    read = population_room.as_in_census if _builtin(study) else population_room.major_groups
    return read(people)


def _census(study: Study, prepared: Prepared) -> pl.DataFrame:
    """Shares among the people an attribute applies to: of the census, or of the very file drawn from."""
    adults = prepared.population.provenance.adults
    if _builtin(study):
        margins = population_room.census_margins(adults=adults)
    else:
        source = study.base / study.settings.population.source
        margins = population_room.margins(population_room.build(source, adults=adults).frame)
    known = margins.drop_nulls("label").rename({"label": "value"})
    shares = known.select(
        "attribute", "value", (pl.col("share") / pl.col("share").sum().over("attribute")).alias("share")
    )
    # In the order of the schema, and ranges by their lower end.
    order = [
        _ORDER.get((attribute, value), _lower_end(value))
        for attribute, value in shares.select("attribute", "value").iter_rows()
    ]
    position = pl.col("attribute").rle_id()
    sorted_ = shares.with_columns(pl.Series("order", order)).sort(position, "order", maintain_order=True)
    return sorted_.drop("order")


def _lower_end(value: str) -> int:
    """Lower end of a range such as `25–34` or `$50,000–74,999`; 0 where there is no number."""
    found = re.match(r"\$?([\d,]+)", value)
    return int(found[1].replace(",", "")) if found else 0


def _people(prepared: Prepared) -> str:
    source = prepared.population.provenance
    who = "adults" if source.adults else "people"
    return f"{source.size:,} {who} of {source.geography} from {source.source}, seed {source.seed}"


def _provenance(study: Study, prepared: Prepared, manifest: Manifest) -> dict[str, str]:
    filters, source = prepared.prompt_filters, prepared.population.provenance
    return {
        "Study": f"{study.settings.name}, seed {study.settings.seed}, settings {manifest.study_hash}",
        "Code": f"populace {manifest.populace}" + (f", commit {manifest.commit}" if manifest.commit else ""),
        "Models": ", ".join(manifest.models),
        "Templates": templates_hash(),
        "People": _people(prepared),
        "Prompts": f"{study.settings.prompts.source}; {filters}",
        "Census": f"{source.citation} ({source.licence})",
        **SURVEYS,
        "Machine": f"{manifest.platform}, Python {manifest.python}",
        "Packages": ", ".join(f"{name} {version}" for name, version in manifest.packages.items()),
        **{f"Table {name}": digest for name, digest in manifest.tables.items()},
    }


def _note(manifest: Manifest) -> str:
    packaged = any(PACKAGED in model for model in manifest.models)
    return f"{NOTE_PACKAGED} {NOTE_ANY}" if packaged else NOTE_ANY


def _warnings(study: Study, prepared: Prepared, manifest: Manifest) -> list[str]:
    found: list[str] = []
    if study.table("judgements")["judge"][0] in _writers(study):
        found.append("The judge is the model that wrote the answers: it marks its own work.")
    if slots := repeated(study.settings, prepared.prompts.height):
        found.append(f"There are fewer prompts than slots{slots}.")
    lost = prepared.authors.height - study.table("pairs").height
    if lost:
        found.append(
            f"{lost} of {prepared.authors.height} pairs are missing: a stage failed or came back empty."
        )
    estimates = study.table("estimates").filter(pl.col("attribute").is_null())
    for measure, (limit, what) in WARN_ABOVE.items():
        for row in estimates.filter((pl.col("measure") == measure) & (pl.col("value") > limit)).iter_rows(
            named=True
        ):
            found.append(f"{row['value']:.0%} {what} ({row['arm']}).".replace("%", " %"))
    # Of this study's tables: the manifest's totals also count what failed under earlier settings.
    if lost or (study.table("judgements")["verdict"] == "failed").any():
        found.append(
            "`populace study run` asks again what failed and may pass; with `--retry-errors`, all of it."
        )
    return found
