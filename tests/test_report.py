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
from populace.errors import DataError
from populace.report import ReportContent
from populace.report.headline import headline
from populace.report.measures import compare, with_interval
from populace.report.tables import length_ratios, population_fit, population_shares, topic_counts, verdict_splits

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
        _estimate("kappa_orders", "author choice", 0.31, 0.12),
        _estimate("ac1_orders", "author choice", 0.42, 0.11),
        _estimate("kappa_ways", "author choice", 0.06, 0.13),
        _estimate("ac1_ways", "author choice", 0.15, 0.12),
        _estimate("position_flip", "author choice", 0.33, 0.06),
        _estimate("first_shown_preferred", "author choice", 0.58, 0.05),
        _estimate("conflict_rate", "choice", 0.37, 0.05, n=144),
        _estimate("single_model_ceiling", "choice", 0.81, 0.03, n=144),
        _estimate("ties", "author choice", 0.02, 0.01),
        _estimate("refusals", "author choice", 0.0, 0.0),
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
            _estimate("kappa_orders", "author choice", value, half, attribute=attribute, group=group, n=36, clusters=clusters)
        )
    return pl.DataFrame(rows)


def content() -> ReportContent:
    rng = np.random.default_rng(11)
    race = ["White alone", "Black or African American alone", "Asian alone", "Some Other Race alone", "Two or More Races"]
    race_p = [0.61, 0.12, 0.06, 0.08, 0.13]
    education = [f"Grade {i}" for i in range(1, 12)] + ["Bachelor's degree", "Master's degree", "Regular high school diploma"]
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
            "critique": "EVALUATION: It weighs neither.\nSUGGESTIONS: Say which, and why it matters to a nurse.",
            "revision": "Keep the fire station. Books can be lent by the county; ten minutes cannot.",
            "original_words": rng.integers(30, 70, 48),
            "revision_words": rng.integers(20, 80, 48),
            "identical": [i % 12 == 0 for i in range(48)],
        }
    )
    verdicts = rng.choice(["revision", "original", "tie"], (48, 3), p=[0.6, 0.37, 0.03])
    judgements = pl.DataFrame(
        [
            {"pair_id": f"pair{i}", "persona_id": f"q{j}", "way": "choice", "verdict": str(verdicts[i, j])}
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
        model_identity="SmolLM2-135M-Instruct, Q4_1",
        model_note="This model has 135 million parameters: it proves that the plumbing works, and nothing about people.",
        examples=[
            "Age: 43\nSex: Female\nRace: White alone\nOccupation: Registered nurse\nState: Vermont\nIdeology: Moderate",
            "Age: 71\nSex: Male\nRace: Asian alone\nOccupation: none\nState: Hawaii\nIdeology: Conservative",
        ],
        warnings=["The judge is the model that wrote the answers; a judge tends to prefer its own writing."],
    )  # fmt: skip
