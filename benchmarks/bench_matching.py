"""Does a matched respondent answer as the person would? Held-out members of a real survey, matched and asked.

    python benchmarks/bench_matching.py [--data ../shared/data] [--people 1000000]

The first waves of the General Social Survey panel are split in two at random. Every member of one half
takes over the answers of a donor of the other half: matched on demographics, matched on beliefs as well,
or drawn at random by weight. Printed: how often an answer is the person's own (the most common answer of
the donors beside it), and how far the answers of a group are from the group's own (total variation, mean
over groups of at least 100 people who answered; two samples of that size differ by chance, too). The first
comes with a 95 % bootstrap interval over people, the second with its range over ten halvings. Last, the time
to match that many drawn personas to all members.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from populace.personas.evidence import evidence
from populace.personas.frames import complete
from populace.personas.matching import match
from populace.personas.schema import attribute
from populace.personas.views import view_model
from populace.population import build

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import fit_psychographics as fit  # pyright: ignore[reportMissingImports]

ITEMS = (
    *("abany", "cappun", "gunlaw", "grass", "homosex", "premarsx", "fefam", "pray", "bible", "attend"),
    *(
        "natenrgy",
        "natroad",
        "natsoc",
        "natmass",
        "courts",
        "trust",
        "happy",
        "letin1a",
        "eqwlth",
        "helppoor",
    ),
    *("letdie1", "spanking", "fear", "owngun", "satfin", "getahead", "obey", "workhard", "life", "tvhours"),
)
DEMOGRAPHIC = ("age_group", "sex", "race_ethnicity", "foreign_born", "region", "degree")
GROUPS = ("race_ethnicity", "age_group", "degree", "religion", "ideology", "political_views")
MIN_GROUP = 100
BOOTSTRAPS = 200
HALVINGS = 10


def survey(data: Path) -> pl.DataFrame:
    """Readings, beliefs, answers and weight of the panel's members."""
    panel, _ = fit.raked_panel(data)
    answers = fit.gss_answers(data, list(ITEMS)).select(pl.col(ITEMS).cast(pl.Int64))
    return panel.select(*DEMOGRAPHIC, weight="w").with_columns(*believed(panel), *answers)


def believed(drawn: pl.DataFrame) -> list[pl.Series]:
    """Turn the codes of opinions into labels."""
    columns = {"religion": "religion", "ideology": "ideology", "political_views": "party"}
    return [
        pl.Series(attribute(column).values).gather(drawn[node]).alias(column)
        for column, node in columns.items()
    ]


def accuracy(own: np.ndarray, given: np.ndarray, weight: np.ndarray) -> float:
    """Weighted share of the answers that agree, of those known on both sides."""
    known = (own >= 0) & (given >= 0)
    right = (own == given) & known
    return float(right.sum(axis=1) @ weight / (known.sum(axis=1) @ weight))


def distance(own: np.ndarray, given: np.ndarray, groups: list[np.ndarray], weight: np.ndarray) -> float:
    """Mean total variation between a group's own answers and those given to it."""
    found = []
    for members in groups:
        for item in range(own.shape[1]):
            told, lent = own[members, item], given[members, item]
            if (told >= 0).sum() < MIN_GROUP:
                continue
            size = max(told.max(), lent.max()) + 1
            shares = [
                np.bincount(codes[codes >= 0], weight[members][codes >= 0], minlength=size)
                for codes in (told, lent)
            ]
            found.append(np.abs(shares[0] / shares[0].sum() - shares[1] / shares[1].sum()).sum() / 2)
    return float(np.mean(found))


def bootstrap(own: np.ndarray, given: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    rows = (rng.integers(0, len(own), len(own)) for _ in range(BOOTSTRAPS))
    low, high = np.quantile([accuracy(own[r], given[r], weight[r]) for r in rows], [0.025, 0.975])
    return float(low), float(high)


def codes(frame: pl.DataFrame) -> np.ndarray:
    return frame.select(pl.col(ITEMS).fill_null(-1)).to_numpy()


def quality(members: pl.DataFrame) -> None:
    rows: dict[str, list[tuple[float, float]]] = {}
    for halving in range(HALVINGS):
        first = pl.Series(np.random.default_rng(halving).random(members.height) < 0.5)
        donors, people = members.filter(first), members.filter(~first)
        own, weight = codes(people), people["weight"].to_numpy()
        groups = [
            np.flatnonzero((people[name] == value).fill_null(False).to_numpy())
            for name in GROUPS
            for value in people[name].drop_nulls().unique().sort()
        ]
        for name, given in methods(donors, people, halving).items():
            figures = accuracy(own, given, weight), distance(own, given, groups, weight)
            rows.setdefault(name, []).append(figures)
            if not halving:
                rows[name].append(bootstrap(own, given, weight))
    print(f"about {members.height // 2} donors and as many people, {len(ITEMS)} items")
    print(f"{'':24}{'own answer given':>26}{'distance by group (range)':>32}")
    for name, (first, interval, *others) in rows.items():
        apart = np.array([first[1], *(each[1] for each in others)])
        print(
            f"{name:24}{first[0]:10.3f} ({interval[0]:.3f}, {interval[1]:.3f})"
            f"{apart.mean():14.3f} ({apart.min():.3f}, {apart.max():.3f})"
        )


def methods(donors: pl.DataFrame, people: pl.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Answers given to the people by each method."""
    lent = donors["weight"].to_numpy()
    mode = [np.bincount(each[each >= 0], lent[each >= 0]).argmax() for each in codes(donors).T]
    random = np.random.default_rng(seed).choice(donors.height, people.height, p=lent / lent.sum())
    plain = match(people, donors, ITEMS, seed=seed, on=DEMOGRAPHIC, exact=())
    return {
        "mode": np.tile(mode, (people.height, 1)),
        "random donor": codes(donors)[random],
        "matched, demographics": codes(plain.frame),
        "matched, beliefs too": codes(match(people, donors, ITEMS, seed=seed).frame),
    }


def speed(members: pl.DataFrame, size: int) -> None:
    people = complete(build("us-2024", size=size, seed=1, adults=True).frame)
    drawn = view_model().draw(evidence(people), np.random.default_rng(1))
    people = people.with_columns(believed(drawn))
    started = time.perf_counter()
    matching = match(people, members, ITEMS, seed=4)
    print(f"\n{size:,} personas x {members.height:,} donors: {time.perf_counter() - started:.1f} s")
    report = matching.report
    print("agreement:", {name: round(share, 3) for name, share in report["agreement"].items()})
    print("mean distance", round(report["mean_distance"], 3), "relaxed", report["relaxed"])
    print("reuse:", report["reuse"])
    tv = [each["tv"] for each in report["items"].values()]
    within = [each["tv_by_ideology"] for each in report["items"].values()]
    print(f"items, donors to personas: mean TV {np.mean(tv):.3f}, within ideology {np.mean(within):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure statistical matching.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--people", type=int, default=1_000_000)
    arguments = parser.parse_args()
    members = survey(arguments.data)
    quality(members)
    speed(members, arguments.people)


if __name__ == "__main__":
    main()
