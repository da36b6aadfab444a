"""Fit the models that personas draw religion, ideology, party, basic values and the Big Five from.

    python scripts/fit_psychographics.py [--data ../shared/data]

Reads the General Social Survey (2016-2020 panel, first waves; 2021-2024 cross-sections), the Big Five
items of the psych package and a self-weighting sample of the 2024 ACS PUMS; writes `views.json`,
`traits.json` and `values.json` into the package. Only regression coefficients, means and covariances leave
the data, none from fewer than 20 records. With `--check` it prints five-fold held-out losses, and the
circle of values, instead. The items of the values are listed in `scripts/value_proxies.py`.
"""

from __future__ import annotations

import argparse
import functools
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from value_proxies import fit_values, variables

from populace.atomic import write_atomic
from populace.personas.evidence import AGE_EDGES, evidence
from populace.personas.frames import complete
from populace.personas.schema import BIG_FIVE, attribute
from populace.personas.traits import AGE_EDGES as TRAIT_AGE_EDGES
from populace.personas.traits import SHARES, design_matrix
from populace.personas.values import ValueModel
from populace.personas.views import Term, ViewModel, ViewNode, indicators
from populace.population.codebook import load_codebook

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "populace" / "personas" / "data"
MIN_RECORDS = 20

RELIGION, IDEOLOGY, PARTY = (
    {name: code for code, name in enumerate(attribute(column).values)}
    for column in ("religion", "ideology", "political_views")
)
GROUPS = ("race_ethnicity", "foreign_born", "age_group", "region", "sex", "degree")
TERMS = {
    "religion": [*GROUPS, "race_ethnicity foreign_born", "race_ethnicity region"],
    "ideology": ["religion", *GROUPS, "religion race_ethnicity"],
    "party": ["ideology", "religion", *GROUPS, "ideology race_ethnicity", "ideology degree"],
}
"""Effects of each opinion, in drawing order; the pairs are those that lowered the held-out loss."""
RIDGE = 0.1
"""Inverse strength of the ridge penalty (scikit-learn's C), by held-out loss too."""

# GSS RELIG: 11 "Christian" and 13 "Inter-nondenominational" name no Protestant church, so they are not
# counted as one.
GSS_RELIGION = {
    **{1: "Protestant", 2: "Catholic", 3: "Jewish", 4: "Unaffiliated", 5: "Other", 6: "Buddhist", 7: "Hindu"},
    **{
        8: "Other",
        9: "Muslim",
        10: "Other Christian",
        11: "Other Christian",
        12: "Other",
        13: "Other Christian",
    },
}
# Seven points to five: "slightly" joins the plain word, "extremely" becomes "very".
GSS_IDEOLOGY = dict(enumerate((0, 1, 1, 2, 3, 3, 4), start=1))
# GSS PARTYID 2 and 4 lean to a party but call themselves Independent first.
GSS_PARTY = {
    **{0: "Democrat", 1: "Democrat", 2: "Independent", 3: "Independent", 4: "Independent"},
    **{5: "Republican", 6: "Republican", 7: "Other"},
}
GSS_REGION = {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 3, 9: 3}


def coded(column: str, codes: dict[int, int]) -> pl.Expr:
    return pl.col(column).cast(pl.Int64).replace_strict(codes, default=None, return_dtype=pl.Int64)


def named(column: str, labels: dict[int, str], codes: dict[str, int]) -> pl.Expr:
    return coded(column, {code: codes[label] for code, label in labels.items()})


def age_group(age: pl.Expr) -> pl.Expr:
    return pl.when(age >= AGE_EDGES[0]).then(sum((age >= edge).cast(pl.Int64) for edge in AGE_EDGES) - 1)


@functools.cache
def _r_table(path: Path) -> Any:
    import rdata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (table,) = rdata.read_rda(str(path)).values()
    return table


def read_r(path: Path, columns: list[str]) -> pl.DataFrame:
    """Read columns of an R data file; one that it lacks is null."""
    table = _r_table(path)
    absent = np.full(len(table), np.nan)
    found = {name: np.asarray(table.get(name, absent), dtype=float) for name in columns}
    return pl.DataFrame(found, nan_to_null=True)


def gss_panel(data: Path) -> pl.DataFrame:
    """First waves of the panel (2016 and 2018): one row a person, weights summing to the persons."""
    names = ["relig", "polviews", "partyid", "race", "hispanic", "racecen1"]
    names += ["born", "sex", "age", "degree", "region", "wtssall"]
    asian = (pl.col("racecen1").is_between(4, 10)).fill_null(False)
    race = (
        pl.when(pl.col("hispanic") > 1)
        .then(0)
        .when(pl.col("hispanic").is_null())
        .then(None)
        .when(asian)
        .then(3)
        .otherwise(coded("race", {1: 1, 2: 2, 3: 4}))
    )
    return gss_answers(data, names).select(
        age_group=age_group(pl.col("age")),
        sex=coded("sex", {1: 0, 2: 1}),
        race_ethnicity=race,
        foreign_born=coded("born", {1: 0, 2: 1}),
        region=coded("region", GSS_REGION),
        degree=coded("degree", {code: code for code in range(5)}),
        religion=named("relig", GSS_RELIGION, RELIGION),
        ideology=coded("polviews", GSS_IDEOLOGY),
        party=named("partyid", GSS_PARTY, PARTY),
        race3=coded("race", {1: 1, 2: 2, 3: 3}),
        w=pl.col("wtssall"),
    )


def gss_answers(data: Path, names: list[str]) -> pl.DataFrame:
    """Answers of the first waves; a question that a wave did not ask is null there."""
    names = list(dict.fromkeys([*names, "wtssall"]))
    table = read_r(data / "gss" / "gss_panel20.rda", [f"{n}_{wave}" for wave in ("1a", "1b") for n in names])
    return pl.concat(
        table.select(pl.col(f"{name}_{wave}").alias(name) for name in names).drop_nulls("wtssall")
        for wave in ("1a", "1b")
    )


def gss_recent(data: Path) -> pl.DataFrame:
    """Cross-sections of 2021, 2022 and 2024: recent, but without Hispanic origin, region and party."""
    table = read_r(
        data / "gss" / "gss_sub.rda", ["year", "age", "race", "sex", "degree", "relig", "polviews", "wtssps"]
    )
    return table.filter(pl.col("year") >= 2021, pl.col("wtssps").is_not_null()).select(
        age_group=age_group(pl.col("age")),
        sex=coded("sex", {1: 0, 2: 1}),
        race3=coded("race", {1: 1, 2: 2, 3: 3}),
        degree=coded("degree", {code: code for code in range(5)}),
        religion=named("relig", GSS_RELIGION, RELIGION),
        ideology=coded("polviews", GSS_IDEOLOGY),
        w=pl.col("wtssps"),
    )


MARGINS = [
    (opinion, given)
    for opinion in ("religion", "ideology")
    for given in ("age_group", "sex", "race3", "degree")
]
"""What the panel is brought up to date on."""


def rake(panel: pl.DataFrame, recent: pl.DataFrame, rounds: int = 40) -> np.ndarray:
    """Reweight the panel so that each two-way table of `MARGINS` has the shares of the recent surveys.

    Iterative proportional fitting (Deming and Stephan, 1940, doi:10.1214/aoms/1177731829). Cells with
    fewer than 20 recent records, or empty in the panel, keep their weight; so do people who did not answer.
    """
    weight = panel["w"].to_numpy().astype(float)
    targets = [_target(panel, recent, names) for names in MARGINS]
    for _ in range(rounds):
        for cell, share in targets:
            now = np.bincount(cell[cell >= 0], weight[cell >= 0], minlength=len(share))
            factor = np.divide(
                share * now[share > 0].sum(), now, out=np.ones_like(now), where=(share > 0) & (now > 0)
            )
            weight[cell >= 0] *= factor[cell[cell >= 0]]
    return weight * panel.height / weight.sum()


def _target(
    panel: pl.DataFrame, recent: pl.DataFrame, names: tuple[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Cell of each panel record (-1: not used) and the share each cell should have."""
    size = 16
    number = pl.col(names[0]) * size + pl.col(names[1])
    cells = recent.group_by(number.alias("cell")).agg(n=pl.len(), w=pl.col("w").sum()).drop_nulls("cell")
    cell = panel.select(number.fill_null(-1)).to_series().to_numpy()
    cells = cells.filter(pl.col("n") >= MIN_RECORDS, pl.col("cell").is_in(np.unique(cell).tolist()))
    share = np.zeros(size * size)
    share[cells["cell"].to_numpy()] = cells["w"].to_numpy() / cells["w"].sum()
    return cell, share


def terms_of(panel: pl.DataFrame, opinion: str, names: list[str]) -> list[Term]:
    """List the cells of each term that at least 20 people who answered belong to."""
    answered = panel.drop_nulls(opinion)
    terms = []
    for name in names:
        columns = name.split()
        counts = answered.drop_nulls(columns).group_by(columns).len().filter(pl.col("len") >= MIN_RECORDS)
        terms.append(Term(columns, [list(cell) for cell in counts.select(columns).sort(columns).rows()]))
    return terms


def fit_node(panel: pl.DataFrame, opinion: str, names: list[str]) -> ViewNode:
    answered = panel.drop_nulls(opinion)
    terms, weight = terms_of(panel, opinion, names), answered["w"].to_numpy()
    marks = indicators(answered, terms)
    centre = np.average(marks, axis=0, weights=weight).round(4)
    design = indicators(answered, terms, missing=centre) - centre
    model = LogisticRegression(C=RIDGE, max_iter=1000).fit(design, answered[opinion].to_numpy(), weight)
    return ViewNode(
        opinion, terms, centre.tolist(), model.intercept_.round(4).tolist(), model.coef_.T.round(4).tolist()
    )


def raked_panel(data: Path) -> tuple[pl.DataFrame, int]:
    """The panel with up-to-date weights, and how many recent answers they rest on."""
    panel, recent = gss_panel(data), gss_recent(data)
    return panel.with_columns(w=rake(panel, recent)), recent.height


def fit_views(data: Path) -> ViewModel:
    panel, answers = raked_panel(data)
    for opinion in TERMS:
        smallest = panel[opinion].drop_nulls().value_counts()["count"].min()
        if smallest < MIN_RECORDS:
            raise SystemExit(f"a value of {opinion} has only {smallest} records: merge it")
    info = {
        "source": "General Social Survey: panel 2016-2018-2020, first waves; cross-sections 2021, 2022, 2024",
        "citation": "Davern et al., General Social Survey 1972-2024, NORC at the University of Chicago",
        "licence": "GSS public-use files; only coefficients are stored, of groups of at least 20 records",
        "records": f"{panel.height} panel members, reweighted to {answers} answers of 2021-2024",
        "script": "scripts/fit_psychographics.py",
    }
    return ViewModel(info, [fit_node(panel, opinion, names) for opinion, names in TERMS.items()])


def us_adults(data: Path) -> pl.DataFrame:
    """Evidence of a self-weighting sample of US adults, and opinions drawn for them."""
    codes = pl.read_parquet(data / "acs_pums_2024" / "us_adults_pps30k.parquet")
    people = complete(load_codebook("acs_pums").labels(codes))
    return fit_views(data).draw(evidence(people), np.random.default_rng(0))


def fit_basic_values(data: Path) -> ValueModel:
    panel, _ = raked_panel(data)
    info = {
        "source": "General Social Survey: panel 2016-2018-2020, first waves; proxies from named items",
        "citation": "Davern et al., General Social Survey 1972-2024, NORC at the University of Chicago",
        "licence": "GSS public-use files; only coefficients are stored, of groups of at least 20 records",
        "records": f"{panel.height} panel members, those with two answers or more on a value",
        "script": "scripts/fit_psychographics.py",
    }
    return fit_values(panel, gss_answers(data, variables()), info, us_adults(data), cuts)


def bfi_people(data: Path) -> pl.DataFrame:
    """Adults of the Big Five file with their five scale scores (means of the answered items)."""
    people = pl.read_csv(data / "bfi" / "bfi.csv", null_values=["", "NA"]).filter(
        pl.col("age") >= TRAIT_AGE_EDGES[0]
    )
    keys = pl.read_csv(data / "bfi" / "bfi.keys.csv")
    scale = {name: key for key in keys.columns[1:] for name in BIG_FIVE if name.startswith(key)}

    def score(trait: str) -> pl.Expr:
        # Six-point answers; a minus in the key turns the item round.
        items = [7 - pl.col(item[1:]) if item[0] == "-" else pl.col(item) for item in keys[scale[trait]]]
        return pl.mean_horizontal(items)

    return people.drop_nulls("education").select(
        pl.col("gender").sub(1).alias("sex"),
        pl.sum_horizontal((pl.col("age") >= edge).cast(pl.Int64) for edge in TRAIT_AGE_EDGES[1:]).alias(
            "age_group"
        ),
        pl.col("education").sub(1).alias("schooling"),
        *(score(trait).alias(trait) for trait in BIG_FIVE),
    )


def fit_traits(data: Path) -> dict[str, object]:
    """Additive means by sex, age and education; covariance of what is left; cuts between the levels."""
    people = bfi_people(data)
    smallest = min(people[name].value_counts()["count"].min() for name in ("sex", "age_group", "schooling"))
    if smallest < MIN_RECORDS:
        raise SystemExit(f"a group of only {smallest} records: merge it")
    scores = people.select((pl.col(t) - pl.col(t).mean()) / pl.col(t).std() for t in BIG_FIVE).to_numpy()
    design = design_matrix(people.select("sex", "age_group", "schooling").to_numpy())
    effects, *_ = np.linalg.lstsq(design, scores, rcond=None)
    residual = scores - design @ effects
    covariance = residual.T @ residual / (len(scores) - design.shape[1])
    means = design_matrix(census_cells(data)) @ effects
    return {
        "source": "bfi: 25 IPIP items, SAPA project, psych package for R (Revelle)",
        "citation": "Revelle, Wilt and Rosenthal (2010), doi:10.1007/978-1-4419-1210-7_2",
        "licence": "Only regression coefficients, a covariance and cuts are stored; the data are not",
        "records": people.height,
        "script": "scripts/fit_psychographics.py",
        "traits": list(BIG_FIVE),
        "effects": effects.round(4).tolist(),
        "covariance": covariance.round(4).tolist(),
        "cuts": [cuts(means[:, k], float(np.sqrt(covariance[k, k]))) for k in range(len(BIG_FIVE))],
    }


def census_cells(data: Path) -> np.ndarray:
    """Sex, age group and schooling of a self-weighting sample of US adults, shape (people, 3)."""
    adults = pl.read_parquet(data / "acs_pums_2024" / "us_adults_pps30k.parquet")
    return adults.select(
        pl.col("SEX") - 1,
        pl.sum_horizontal((pl.col("AGEP") >= edge).cast(pl.Int64) for edge in TRAIT_AGE_EDGES[1:]).alias(
            "age_group"
        ),
        pl.sum_horizontal((pl.col("SCHL") >= edge).cast(pl.Int64) for edge in (16, 18, 21, 22)).alias(
            "schooling"
        ),
    ).to_numpy()


def cuts(means: np.ndarray, deviation: float) -> list[float]:
    """Scores below which the intended shares of US adults lie: quantiles of the mixture of normals."""
    cells, counts = np.unique(means.round(6), return_counts=True)

    def below(score: float) -> float:
        return float(np.average(norm.cdf(score, cells, deviation), weights=counts))

    return [round(brentq(lambda score, at=at: below(score) - at, -9, 9), 4) for at in np.cumsum(SHARES)[:-1]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--check", action="store_true", help="print held-out losses, write nothing")
    arguments = parser.parse_args()
    if arguments.check:
        from check_psychographics import check

        check(arguments.data)
        return
    models = {"views.json": fit_views, "traits.json": fit_traits, "values.json": fit_basic_values}
    for name, fit in models.items():
        write_atomic(PACKAGE / name, msgspec.json.encode(fit(arguments.data)) + b"\n")
        print(f"{name}: {(PACKAGE / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
