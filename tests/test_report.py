"""The report: what must stand on the page, what must never, and that it is the same twice."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from populace import report
from populace.errors import DataError, PopulaceError
from populace.feedback.shortcuts import Finding
from populace.feedback.wording import Wording
from populace.report import ReportContent, draw, figures
from populace.report.headline import headline
from populace.report.measures import compare, outcome, with_interval
from populace.report.tables import (
    length_ratios,
    population_fit,
    population_shares,
    topic_counts,
    verdict_splits,
)
from populace.report.views import tiles

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b\u202e{{ 7 * 7 }}"
NAN = math.nan
TOPICS = ("work and money", "religion", "abortion", "family & friends", "immigration", "climate")


def _estimate(measure, arm, value, half=0.05, *, attribute=None, group=None, n=240, clusters=40):
    return {
        "measure": measure, "arm": arm, "attribute": attribute, "group": group, "value": value,
        "low": value - half, "high": value + half, "level": 0.95, "n": n, "clusters": clusters,
        "method": "cluster bootstrap, percentile, 2000 draws", "seed": 7,
    }  # fmt: skip


def estimates() -> pl.DataFrame:
    rows = [
        _estimate("prefers_revision", "author choice", 0.62, 0.06),
        _estimate("prefers_revision", "author likelihood", 0.71, 0.05),
        _estimate("prefers_revision", "stranger choice", 0.6, 0.04, n=480),
        _estimate("prefers_revision", "nobody choice", 0.59, 0.1, n=48),
        _estimate("prefers_revision", "length rule", 0.44, 0.07),
        _estimate("prefers_revision", "always the revision", 1.0, 0.0),
        _estimate("prefers_revision_above", "author likelihood", -0.09, 0.07),
        _estimate("prefers_revision_above", "stranger choice", 0.02, 0.05),
        _estimate("prefers_revision_above", "nobody choice", 0.03, 0.06),
        _estimate("prefers_revision_above", "length rule", 0.18, 0.08),
        _estimate("prefers_revision_above", "always the revision", -0.38, 0.06),
        _estimate("kappa_orders", "choice", 0.31, 0.12),
        _estimate("ac1_orders", "choice", 0.42, 0.11),
        _estimate("kappa_ways", "choice and likelihood", 0.06, 0.13),
        _estimate("ac1_ways", "choice and likelihood", 0.15, 0.12),
        _estimate("position_flip", "choice", 0.33, 0.06),
        _estimate("first_shown_preferred", "choice", 0.58, 0.05),
        _estimate("position_flip", "nobody choice", 0.4, 0.13, n=48),
        _estimate("first_shown_preferred", "nobody choice", 0.61, 0.1, n=48),
        _estimate("conflict_rate", "choice", 0.37, 0.05, n=144),
        _estimate("single_model_ceiling", "choice", 0.81, 0.03, n=144),
        _estimate("conflict_rate", "choice, verdicts shuffled over pairs", 0.46, 0.03, n=144),
        _estimate("single_model_ceiling", "choice, verdicts shuffled over pairs", 0.76, 0.015, n=144),
        _estimate("conflict_rate", "likelihood", 0.33, 0.05, n=144),
        _estimate("single_model_ceiling", "likelihood", 0.84, 0.03, n=144),
        _estimate("ties", "choice", 0.02, 0.01),
        _estimate("refusals", "choice", 0.0, 0.0),
        _estimate("revision_shorter", "pairs", 0.57, 0.08),
        _estimate("identical_answers", "pairs", 0.04, 0.03),
        _estimate("agreement_with_author", "stranger choice", 0.74, 0.05),
        _estimate("agreement_with_author", "nobody choice", 0.72, 0.05),
        _estimate("agreement_with_author", "length rule", 0.52, 0.06),
        _estimate("agreement_with_author", "always the revision", 0.62, 0.06),
        _estimate("kappa_with_author", "stranger choice", 0.45, 0.09),
        _estimate("kappa_with_author", "nobody choice", 0.4, 0.1),
        _estimate("kappa_with_author", "length rule", 0.03, 0.12),
        _estimate("kappa_with_author", "always the revision", NAN, NAN),
    ]
    groups = {
        "age": ["18-34", "35-49", "50-64", "65 and over"],
        "sex": ["Female", "Male"],
        "race or origin": ["White", "Black", "Hispanic, any race", "Asian", "Another race, or two or more"],
        "party": ["Democrat", "Republican", "Independent", "Other"],
    }
    for i, (attribute, group) in enumerate((a, g) for a, names in groups.items() for g in names):
        value, half = (NAN, NAN) if group == "Other" else (0.1 + 0.05 * (i % 9), 0.1 + 0.02 * (i % 5))
        clusters = 1 if group == "Other" else 3 + 4 * (i % 6)
        rows.append(
            _estimate(
                "kappa_orders",
                "choice",
                value,
                half,
                attribute=attribute,
                group=group,
                n=36,
                clusters=clusters,
            )
        )
    return pl.DataFrame(rows)


def content() -> ReportContent:
    rng = np.random.default_rng(11)
    race = [
        "White alone",
        "Black or African American alone",
        "Asian alone",
        "Some Other Race alone",
        "Two or More Races",
    ]
    race_p = [0.61, 0.12, 0.06, 0.08, 0.13]
    education = [f"Grade {i}" for i in range(1, 12)] + [
        "Bachelor's degree",
        "Master's degree",
        "Regular high school diploma",
    ]
    education_p = np.r_[np.full(11, 0.02), 0.27, 0.16, 0.35]
    n = 800
    people = pl.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(n)],
            "age": rng.choice([21, 40, 57, 70], n, p=[0.28, 0.25, 0.25, 0.22]),
            "sex": rng.choice(["Female", "Male"], n, p=[0.51, 0.49]),
            "race": rng.choice(race, n, p=race_p),
            "education": rng.choice(education, n, p=education_p),
        }
    )
    margins = {
        "age": zip(["18-34", "35-49", "50-64", "65 and over"], [0.28, 0.25, 0.25, 0.22], strict=True),
        "sex": [("Female", 0.51), ("Male", 0.49)],
        "race": zip(race, race_p, strict=True),
        "education": zip(education, education_p, strict=True),
    }
    census = pl.DataFrame(
        [{"attribute": a, "value": v, "share": float(s)} for a, margin in margins.items() for v, s in margin]
    )
    pairs = pl.DataFrame(
        {
            "pair_id": [f"pair{i}" for i in range(48)],
            "prompt": "Should a town close its library to keep its fire station open?",
            "original": "Both serve the town. A library teaches; a fire station saves lives. " * 3,
            "critique": "EVALUATION: It weighs neither.\nSUGGESTIONS: Say which, and why.",
            "revision": "Keep the fire station. Books can be lent by the county; ten minutes cannot.",
            "original_words": rng.integers(30, 70, 48),
            "revision_words": rng.integers(20, 80, 48),
            "identical": [i % 12 == 0 for i in range(48)],
        }
    )
    verdicts = rng.choice(["revision", "original", "tie"], (48, 3), p=[0.6, 0.37, 0.03])
    judgements = pl.DataFrame(
        [
            {
                "pair_id": f"pair{i}",
                "persona_id": f"q{j}",
                "way": "choice",
                "verdict": str(verdicts[i, j]),
            }
            for i in range(48)
            for j in range(3)
        ]
    )
    prompts = pl.DataFrame(
        {
            "prompt_id": [f"t{i}" for i in range(60)],
            "topic": [TOPICS[int(k)] for k in rng.integers(0, 6, 60)],
            "controversy": [None if k == 4 else int(k) for k in rng.integers(0, 5, 60)],
        }
    )
    return ReportContent(
        study_name="quickstart",
        people=people,
        personas=people.head(48),
        prompts=prompts,
        pairs=pairs,
        judgements=judgements,
        estimates=estimates(),
        census=census,
        drawn=800,
        removed={"widowed_before_eighteen": 12, "veteran_under_seventeen": 3, "retired_at_work": 21},
        stages=[
            ("answers", 48, 4_321, 3_072, 61.2, None),
            ("critiques and revisions", 96, 30_210, 5_376, 154.0, None),
            ("judging", 1_152, 312_400, 0, 402.7, None),
        ],
        provenance={
            "census": "2024 ACS 1-year PUMS, U.S. Census Bureau (public domain), BLAKE2b 0f3a91c2",
            "seed": "7",
            "method": "Castricato et al. 2024, PERSONA, arXiv 2407.17387v1",
        },
        model_identity="SmolLM2-135M-Instruct, judged by judge-7b",
        model_note="This small model proves that the plumbing works, and nothing about people.",
        examples=[
            "Age: 43\nSex: Female\nRace: White alone\nOccupation: Registered nurse\nIdeology: Moderate",
            "Age: 71\nSex: Male\nRace: Asian alone\nOccupation: none\nState: Hawaii\nIdeology: Conservative",
        ],
        warnings=["The judge is the model that wrote the answers; a judge tends to prefer its own writing."],
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert report.write(folder, content()) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def page(written: Path) -> str:
    return (written / "report.html").read_text("utf-8")


class _Page(HTMLParser):
    """Collects tags with their attributes, visible text, and tags left open."""

    VOID = frozenset({"meta", "link", "br", "img", "hr"})

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_every_estimate_stands_on_the_page_with_its_interval(page):
    rows = re.findall(r"<tr><th scope=\"row\">(\w+)</th>(.*?)</tr>", page)
    appendix = {(m, *re.findall(r"<td[^>]*>(.*?)</td>", cells)[:3]) for m, cells in rows}
    for row in estimates().iter_rows(named=True):
        group = f"{row['attribute']}: {row['group']}" if row["attribute"] else ""
        assert (row["measure"], row["arm"], group, with_interval(row)) in appendix


def test_golden_facts(page):
    text = _Page(page).text.replace("\xa0", " ")
    # 12 + 3 + 21 = 36 of 800 people = 4.5 %.
    assert "Of 800 people, the 3 rules removed 36, or 4.5 %; a rule not listed removed nobody." in text
    assert "removed about 8.5 %" in text
    # Tokens: 4,321 + 30,210 + 312,400 = 346,931; 61.2 + 154.0 + 402.7 = 617.9 s = 10 min 18 s.
    assert "346,931" in text
    assert "10 min 18 s" in text
    assert "paper’s 96 %" in text
    assert "2024 ACS 1-year PUMS" in text
    assert "proves that the plumbing works" in text
    assert "tends to prefer its own writing" in text
    assert "Registered nurse" in text
    assert "Answers by SmolLM2-135M-Instruct, judged by judge-7b." in text


def test_the_page_is_well_formed_and_loads_nothing(page):
    parsed = _Page(page)
    assert parsed.open == []
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "base", "form", "use", "image"}
    for tag, attributes in parsed.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href"}:
                assert value is not None
                assert value.startswith("#") or value == "data:,"
    assert re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org/)", page) == []
    assert "default-src 'none'" in page


def test_links_and_ids_resolve(page):
    parsed = _Page(page)
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for tag, a in parsed.tags if tag == "a"]
    assert len(targets) == 11
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_every_figure_is_described_and_has_a_table_after_it(page):
    labels = re.findall(r"<svg[^>]*aria-label=\"([^\"]+)\"", page)
    assert len(labels) == 2 * 9
    assert all(len(label) > 30 for label in labels)
    for section in page.split("<figure>")[1:]:
        assert "<table" in section


def test_figures_are_whole_files(written):
    names = sorted(path.name for path in (written / "figures").iterdir())
    assert len(names) == 18
    for path in (written / "figures").iterdir():
        data = path.read_bytes()
        if path.suffix == ".svg":
            root = ElementTree.fromstring(data)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert 600 <= float(root.attrib["width"]) <= 700
        else:
            assert data[:8] == b"\x89PNG\r\n\x1a\n"
            width, height = struct.unpack(">II", data[16:24])
            assert 1200 <= width <= 1400
            assert height > 100
            assert data[-8:-4] == b"IEND"


@pytest.mark.parametrize("width", [680, 330])
def test_every_row_of_a_figure_has_its_label(width):
    root = ElementTree.fromstring(draw.svg(figures.agreement(estimates(), width=width)))
    shown = "".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text"))
    labels = ("between the two orders", "between two ways of judging")
    wanted = [f"{coefficient} {label}" for label in labels for coefficient in ("κ", "AC1")]
    # Wrapped lines are joined without a space.
    assert "".join(wanted).replace(" ", "") in shown.replace(" ", "")


def test_same_content_same_bytes(written, tmp_path):
    report.write(tmp_path, content())
    for path in written.rglob("*.*"):
        assert (tmp_path / path.relative_to(written)).read_bytes() == path.read_bytes(), path.name


def _attacked() -> ReportContent:
    """The same study with hostile text in every place a model, a file or a user can reach."""
    base = content()
    hostile = pl.lit(ATTACK)
    table = base.estimates.with_columns(
        group=pl.when(pl.col("attribute") == "sex").then(hostile).otherwise("group"), method=hostile
    )
    census = base.census.with_columns(
        value=pl.when(pl.col("attribute") == "sex").then(hostile).otherwise("value")
    )
    return replace(
        base,
        study_name=ATTACK,
        prompts=base.prompts.with_columns(topic=hostile),
        pairs=base.pairs.with_columns(
            *(hostile.alias(column) for column in ("prompt", "original", "critique", "revision"))
        ),
        estimates=table,
        census=census,
        removed={ATTACK: 3},
        examples=[ATTACK, "lone surrogate \ud800"],
        warnings=[ATTACK],
        provenance={ATTACK: ATTACK},
        model_identity=ATTACK,
        model_note=ATTACK,
        stages=[(ATTACK, 1, 1, 1, 1.0, 0.25)],
    )


def test_hostile_text_is_printed_and_never_run(tmp_path):
    page = report.write(tmp_path, _attacked()).read_text("utf-8")
    parsed = _Page(page)
    assert not {"script", "img"} & {tag for tag, _ in parsed.tags}
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert parsed.text.count("<script>alert(1)</script>") >= 12
    assert "{{ 7 * 7 }}" in parsed.text
    assert "\x00" not in page
    assert "\x1b" not in page
    for path in (tmp_path / "figures").glob("*.svg"):
        names = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert not names & {"script", "img", "foreignObject"}


def test_undefined_estimates_say_why(page):
    text = _Page(page).text
    assert "not defined (the verdicts do not vary)" in text
    assert "not defined (fewer than two independent units)" in text
    assert not re.search(r"\bnan\b|\bNaN\b|\bNone\b|\bnull\b", text)


def _empty() -> ReportContent:
    full = content()
    return replace(
        full,
        prompts=full.prompts.clear(),
        pairs=full.pairs.clear(),
        judgements=full.judgements.clear(),
        estimates=full.estimates.clear(),
        census=full.census.clear(),
        removed={},
        stages=[],
        examples=[],
        warnings=[],
    )


def test_a_study_that_got_nowhere_still_has_a_page_and_sheds_old_figures(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("population.svg", "splits.png", "mine.svg"):
        (tmp_path / "figures" / name).write_text("old")
    page = report.write(tmp_path, _empty()).read_text("utf-8")
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.svg"]
    text = _Page(page).text
    assert "<figure>" not in page
    for sentence in (
        "This study did not measure how often the revision is preferred.",
        "This study did not measure how steady the judge was.",
        "No pair has been written yet.",
        "Not one of 0 rules removed anyone of the 800 people.",
        "No stage was recorded.",
    ):
        assert sentence in text


def test_a_study_without_likelihoods_or_grades(tmp_path):
    full = content()
    table = full.estimates.filter(
        ~pl.col("arm").str.contains("likelihood") & ~pl.col("measure").str.ends_with("_ways")
    )
    ungraded = full.prompts.with_columns(controversy=pl.lit(None, pl.Int64))
    page = report.write(tmp_path, replace(full, estimates=table, prompts=ungraded)).read_text("utf-8")
    assert "author likelihood" not in page
    assert "between two ways of judging" not in page
    assert "not graded" in page
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 9


def _finding(name: str, passed: bool | None, **more) -> Finding:
    given = {"what": f"what {name} is", "estimate": None, "beside": None, "tested": None, "limit": 0.5}
    return Finding(name=name, passed=passed, **{**given, "why": f"why {name}", "judge": "m", **more})


def test_two_models_and_audits(tmp_path):
    full = content()
    pairs = full.pairs.with_columns(
        pl.lit("answer").alias("revision_origin"),
        pl.lit("a<b").alias("model"),
        pl.lit("other").alias("revision_model"),
        pl.lit(None, pl.String).alias("critique"),
    )
    names = {"prefers_revision": "prefers_second", "prefers_revision_above": "prefers_second_above"}
    table = full.estimates.filter(~pl.col("arm").str.starts_with("stranger")).with_columns(
        pl.col("measure")
        .replace(names)
        .str.replace("with_author", "with_persona")
        .str.replace("revision_shorter", "second_shorter"),
        pl.col("arm").str.replace("author", "persona").str.replace("the revision", "the second"),
    )
    findings = [
        _finding("length-only", False),
        _finding("no-persona", False, implied_by=("length-only",)),
        _finding("same-demographic-stranger", None),
        _finding("near-duplicates", True, judge=None),
    ]
    page = report.write(tmp_path, replace(full, pairs=pairs, estimates=table, findings=findings, stages=[]))
    text = " ".join(_Page(page.read_text("utf-8")).text.split())
    opening = text[text.index("To the findings") : text.index("Who the people are")]
    assert "2 of 4 audits failed: length-only, and as a consequence no-persona." in opening
    assert "the judge preferred the answer of other to the answer of a<b in 62.0 %" in opening
    assert "above even odds" in opening
    assert "PERSONA paper" not in text
    assert not re.search(r"\b[Rr]evis|[Aa]uthor|[Cc]ritique", text)
    section = text[text.index("Audits 2 of 4") : text.index("What it took", text.index("Audits 2 of 4"))]
    for words in ("what length-only is", "why same-demographic-stranger", "implied by length-only", "Texts"):
        assert words in section


def test_the_headline_of_written_verdicts_and_of_two_samples():
    rows = [
        _estimate("prefers_revision", "author samples", 0.8, 0.05),
        _estimate("prefers_revision", "nobody samples", 0.6, 0.05),
    ]
    said = headline(pl.DataFrame(rows))
    assert "judged by written verdicts, the judge preferred it to the first answer in 80.0" in said[0]
    assert "is above no persona at all (60.0" in said[1]
    two = [_estimate("prefers_second", "persona samples", 0.7, 0.05)]
    words = Wording(second="the second answer", revised=False)
    score, beside, _ = headline(pl.DataFrame(two), words)
    assert "above even odds, though their order means nothing for two samples of one model" in score
    assert "stands alone" in beside
    assert headline(pl.DataFrame(two)) == (score, beside, headline(pl.DataFrame(two))[2])
    passed = headline(pl.DataFrame(two), words, [_finding("a", True), _finding("b", True)])
    assert (passed[0], passed[-1]) == (score, "All 2 audits passed.")


def test_without_the_extra_nothing_is_written_and_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("populace.report.html.find_spec", lambda name: None)
    with pytest.raises(PopulaceError, match=r"needs the package altair.*populace\[report\]"):
        report.write(tmp_path / "new", content())
    assert not (tmp_path / "new").exists()


def _overall(**values: tuple[float, float]) -> pl.DataFrame:
    names = {"author": "author choice", "stranger": "stranger choice", "nobody": "nobody choice"}
    return pl.DataFrame(
        [_estimate("prefers_revision", names[who], value, half) for who, (value, half) in values.items()]
    )


def test_headline_claims_only_what_intervals_allow():
    apart = headline(_overall(author=(0.8, 0.05), stranger=(0.6, 0.05), nobody=(0.9, 0.04)))
    assert "below the 96\xa0% that the PERSONA paper reports" in apart[0]
    # 0.80 ± 0.05 is above 0.60 ± 0.05 and below 0.90 ± 0.04 (0.85 < 0.86).
    assert "is above a shuffled persona (60.0\xa0%) and is below no persona at all (90.0\xa0%)" in apart[1]
    close = headline(_overall(author=(0.93, 0.05), stranger=(0.9, 0.02)))
    assert "which cannot be told apart from the 96\xa0%" in close[0]
    assert "cannot be told apart from a shuffled persona" in close[1]
    assert "does not show that the persona made a difference" in close[1]
    clear = headline(_overall(author=(0.8, 0.05), stranger=(0.6, 0.05), nobody=(0.5, 0.05)))
    assert "does not show" not in clear[1]
    assert "stands alone" in headline(_overall(author=(0.8, 0.05)))[1]
    assert "not defined (the data do not define it)" in headline(_overall(author=(NAN, NAN)))[0]


def test_a_value_without_an_interval_is_drawn_as_a_dot_alone():
    table = _overall(author=(0.8, NAN), stranger=(0.6, 0.1))
    root = ElementTree.fromstring(draw.svg(figures.preference(table)))
    groups = [g for g in root.iter() if "role-mark" in g.get("class", "")]
    # In drawing order: two dashed references, one interval, two dots.
    counts = [len(list(g)) for g in groups if "text" not in g.get("class", "")]
    assert counts == [2, 1, 2]
    assert "80.0\xa0% (interval not defined" in with_interval(table.row(0, named=True))


def estimates_of(*rows):
    return pl.DataFrame(
        [
            {"measure": measure, "arm": arm, "attribute": None, "group": None, "value": value}
            | {"low": value - 0.1, "high": value + 0.1, "level": 0.95, "n": 60, "clusters": 30}
            for measure, arm, value in rows
        ],
        schema_overrides={"attribute": pl.String, "group": pl.String},
    )


@pytest.mark.parametrize(
    ("arms", "large"),
    [
        # A rule's share, or a stranger's, never stands in the place of the judge's.
        ((("length rule", 0.467), ("always the revision", 1.0)), None),
        ((("stranger choice", 0.361), ("nobody choice", 0.4)), None),
        ((("length rule", 0.467), ("author samples", 0.9)), "90.0"),
        ((("length rule", 0.467), ("author likelihood", 0.7)), "70.0"),
        ((("author likelihood", 0.7), ("author choice", 0.8)), "80.0"),
    ],
)
def test_the_large_number_is_the_judges_or_none(arms, large):
    found = estimates_of(*(("prefers_revision", arm, value) for arm, value in arms))
    said = [tile["value"] for tile in tiles(found) if tile["label"] == "prefer the revision"]
    assert [value.split("\N{NO-BREAK SPACE}")[0] for value in said] == ([large] if large else [])


def test_the_large_numbers_are_of_the_way_that_labels_the_pairs():
    found = estimates_of(
        ("prefers_revision", "author choice", 0.8),
        ("position_flip", "samples", 0.1),
        ("position_flip", "nobody choice", 0.2),
        ("position_flip", "choice", 0.3),
    )
    assert [tile["value"][:4] for tile in tiles(found)] == ["80.0", "30.0"]


def test_the_paired_difference_decides_where_there_is_one():
    # Intervals overlap (0.55..0.65 and 0.52..0.62), the paired difference 0.03 +- 0.02 leaves out zero.
    table = _overall(author=(0.6, 0.05), stranger=(0.57, 0.05))
    assert outcome(table, "author choice", "stranger choice") == "cannot be told apart"
    paired = pl.DataFrame([_estimate("prefers_revision_above", "stranger choice", 0.03, 0.02)])
    both = pl.concat([table, paired], how="vertical_relaxed")
    assert outcome(both, "author choice", "stranger choice") == "beats"
    assert "is above a shuffled persona" in headline(both)[1]
    assert outcome(table, "author choice", "nobody choice") is None


def test_touching_intervals_cannot_be_told_apart():
    low, high = {"low": 0.1, "high": 0.5}, {"low": 0.5, "high": 0.9}
    assert compare(low, high) == compare(high, low) == "cannot be told apart"
    assert compare({"low": 0.1, "high": 0.499}, high) == "loses"
    assert compare(low, {"low": NAN, "high": NAN}) == "not defined"


def test_ranges_of_a_numeric_column():
    people = pl.DataFrame({"age": [17, 18, 34, 35, 64, 65, 99, None]})
    census = pl.DataFrame(
        {
            "attribute": ["age"] * 4,
            "value": ["under 18", "18-34", "35 to 64", "65 and over"],
            "share": [0.2, 0.2, 0.3, 0.3],
        }
    )
    # 17 | 18 34 | 35 64 | 65 99, of the seven with an age.
    assert population_shares(people, census)["drawn"].to_list() == [1 / 7, 2 / 7, 2 / 7, 2 / 7]
    with pytest.raises(DataError, match="'young' is no range"):
        population_shares(people, census.with_columns(value=pl.lit("young")))


def test_attributes_nobody_has_are_left_out():
    people = pl.DataFrame({"sex": pl.Series([None, None], dtype=pl.String)})
    census = pl.DataFrame({"attribute": ["sex", "race"], "value": ["Male", "x"], "share": [1.0, 1.0]})
    assert population_shares(people, census).is_empty()


def test_fit_by_hand_and_by_simulation():
    # |0.6 - 0.5| + |0.3 - 0.3| + |0 - 0.2| and 0.1 of people in no census value: (0.3 + 0.1) / 2 = 0.2.
    shares = pl.DataFrame(
        {
            "attribute": ["a"] * 3,
            "value": list("xyz"),
            "census": [0.5, 0.3, 0.2],
            "drawn": [0.6, 0.3, 0.0],
            "n": [500] * 3,
        }
    )
    fit = population_fit(shares).row(0, named=True)
    assert fit["distance"] == pytest.approx(0.2)
    p = np.array([0.5, 0.3, 0.2])
    draws = np.random.default_rng(3).multinomial(500, p, size=20_000) / 500
    assert fit["chance"] == pytest.approx(np.abs(draws - p).sum(axis=1).mean() / 2, rel=0.02)


def test_length_ratios_take_each_pair_once_and_steps_are_closed_below():
    pairs = pl.DataFrame({"original_words": [10, 10, 10, 3, 0, 7], "revision_words": [10, 9, 3, 9, 5, 0]})
    # 1.0, 0.9, 0.3 (not 0.2: 0.3 / 0.1 is 2.999… in floats), 3.0 -> the last step, no original -> out, 0.0.
    assert length_ratios(pairs).select("low", "pairs").rows() == [
        (0.0, 1),
        (0.3, 1),
        (0.9, 1),
        (1.0, 1),
        (2.0, 1),
    ]


def test_splits_by_hand():
    verdicts = {
        "all original": ["original", "original", "tie"],
        "most original": ["original", "original", "revision"],
        "even": ["original", "revision"],
        "most revision": ["original", "revision", "revision"],
        "all revision": ["revision", "revision"],
        "one decided": ["revision", "tie", "refused"],
    }
    rows = [
        {"pair_id": pair, "persona_id": f"p{i}", "way": "choice", "verdict": word}
        for pair, words in verdicts.items()
        for i, word in enumerate(words)
    ]
    noise = [
        {"pair_id": "one decided", "persona_id": None, "way": "choice", "verdict": "original"},
        {"pair_id": "one decided", "persona_id": "p9", "way": "likelihood", "verdict": "original"},
    ]
    assert verdict_splits(pl.DataFrame(rows + noise))["pairs"].to_list() == [1, 1, 1, 1, 1]


def test_topics_are_counted_once_each():
    counts = topic_counts(content().prompts)
    assert counts["prompts"].sum() == 60
    assert counts.group_by("topic").agg(pl.col("prompts").sum() == pl.col("total").first())["prompts"].all()
    assert counts["total"].is_sorted(descending=True)
