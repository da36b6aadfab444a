"""What each published number is: formula, base, range, direction, and what was done with the options.

A mean of Jensen-Shannon distances in bits and one of divergences in nats are both called "JS" in print.
Here a number is of a `Convention`: either a plain metric, whose settings are the caller's, or that of a
paper, whose settings are fixed. Facts about papers are those that their text or released code shows.
"""

from __future__ import annotations

import difflib
import math
from typing import Literal, TypeAlias

import msgspec

__all__ = ["CONVENTIONS", "Convention", "Metric", "convention"]

Metric: TypeAlias = Literal[
    "js_distance",
    "js_divergence",
    "js_similarity",
    "tv",
    "w1_ordinal",
    "closeness",
    "kl",
    "kl_reverse",
    "cross_entropy",
    "skill",
    "argmax_match",
]
"""The formulas that there are; `Convention.formula` says each. P is people's distribution, Q the model's."""

_FORMULAS: dict[Metric, str] = {
    "js_distance": "sqrt(JS), JS = (KL(P||M) + KL(Q||M)) / 2, M = (P + Q) / 2",
    "js_divergence": "JS = (KL(P||M) + KL(Q||M)) / 2, M = (P + Q) / 2",
    "js_similarity": "1 - sqrt(JS)",
    "tv": "sum |p - q| / 2",
    "w1_ordinal": "sum over steps of |F_P - F_Q| times the step's length",
    "closeness": "1 - W1 / (greatest position - least position)",
    "kl": "KL(P||Q) = sum p log(p / q)",
    "kl_reverse": "KL(Q||P) = sum q log(q / p)",
    "cross_entropy": "- sum p log q",
    "skill": "100 (1 - mean TV(Q, P) / mean TV(uniform, P))",
    "argmax_match": "share of the model's likeliest options that are likeliest among people too",
}
_LOGARITHMS = ("js_distance", "js_divergence", "js_similarity", "kl", "kl_reverse", "cross_entropy")
_AS_GIVEN = "the caller says which options are refusals, and what becomes of missing mass"


class Convention(msgspec.Struct, frozen=True, kw_only=True):
    """One way to say how near two distributions are.

    Examples
    --------
    >>> roadmap = convention("roadmap")
    >>> roadmap.metric, roadmap.base, roadmap.high, roadmap.higher_is_better
    ('js_distance', 2.0, 1.0, False)
    >>> round(convention("modular_pluralism").high, 4)
    0.8326
    """

    name: str
    paper: str = ""
    """Where it is from; empty for a plain metric."""
    metric: Metric
    base: float | None = None
    """Of the logarithm; None where there is none, or where the paper's is not known and must be given."""
    low: float = 0.0
    high: float = 1.0
    """Range; `inf` where nothing bounds it, or where the bound depends on the options."""
    higher_is_better: bool = False
    smoothing: float = 0.0
    """Added to every option of both sides, which are then divided by their sums."""
    options: str = _AS_GIVEN
    """What the work does with refusals, missing mass and order."""
    aggregate: bool = False
    """Whether it is defined for many questions together and for no single one."""

    @property
    def formula(self) -> str:
        """The formula, P being people's distribution and Q the model's."""
        return _FORMULAS[self.metric]

    @property
    def logarithmic(self) -> bool:
        """Whether it has a base."""
        return self.metric in _LOGARITHMS

    @property
    def kind(self) -> str:
        """`distance`, `divergence`, `score` or `similarity`."""
        kinds = {"js_distance": "distance", "tv": "distance", "w1_ordinal": "distance"}
        kinds |= {"js_divergence": "divergence", "kl": "divergence", "kl_reverse": "divergence"}
        return kinds.get(self.metric, "similarity" if self.higher_is_better else "score")

    def in_base(self, base: float | None) -> Convention:
        """Settle the base: the given one, else the convention's own.

        Raises
        ------
        ValueError
            If a paper's base is contradicted, none is known, one is given where there is no logarithm, or it
            is not above 1.
        """
        if not self.logarithmic or (base is None and self.base is not None):
            return self
        if base is None:
            raise ValueError(f"{self.name}: the base of its logarithm is not confirmed; say base=2 or math.e")
        if not (base > 1 and math.isfinite(base)):
            raise ValueError(f"base is {base} and must be above 1")
        if self.paper and self.base is not None and not math.isclose(base, self.base):
            raise ValueError(
                f"{self.name} has the base {self.base:.6g}, not {base:g}; take {self.metric} for another"
            )
        bits = math.log(2) / math.log(base)
        tops = {"js_distance": math.sqrt(bits), "js_divergence": bits}
        lows = {"js_similarity": 1 - math.sqrt(bits)}
        return msgspec.structs.replace(
            self,
            base=base,
            low=lows.get(self.metric, self.low),
            high=tops.get(self.metric, self.high),
        )

    def described(self) -> str:
        """Say it in one line.

        Examples
        --------
        >>> convention("spectrum_kl").described()
        'spectrum_kl: KL(P||Q) = sum p log(p / q), base e, from 0 up, lower is better, +1e-06 an option'
        """
        parts = [f"{self.name}: {self.formula}"]
        if self.logarithmic and self.base is not None:
            parts.append("base e" if math.isclose(self.base, math.e) else f"base {self.base:g}")
        reach = f"from {self.low:.4g} up" if math.isinf(self.high) else f"{self.low:.4g} to {self.high:.4g}"
        parts += [reach, f"{'higher' if self.higher_is_better else 'lower'} is better"]
        if self.smoothing:
            parts.append(f"+{self.smoothing:g} an option")
        return ", ".join(parts)


_NATS = math.log(2)
_SPECTRUM = "Spectrum Tuning (arXiv 2510.06084), released code"
_SUMS = "probabilities of whole sequences, divided by their sum; the sum before is its 'coverage'"
_OF_SPECTRUM: tuple[tuple[str, Metric, float], ...] = (
    ("spectrum_js", "js_divergence", _NATS),
    ("spectrum_kl", "kl", math.inf),
    ("spectrum_kl_reverse", "kl_reverse", math.inf),
    ("spectrum_cross_entropy", "cross_entropy", math.inf),
)
_MODULAR = "Modular Pluralism (Feng et al., EMNLP 2024, arXiv 2406.15951), released code"
_PLAIN = (
    Convention(name="js_distance", metric="js_distance", base=2.0),
    Convention(name="js_divergence", metric="js_divergence", base=2.0),
    Convention(name="js_similarity", metric="js_similarity", base=2.0, higher_is_better=True),
    Convention(name="tv", metric="tv"),
    Convention(name="w1_ordinal", metric="w1_ordinal", high=math.inf),
    Convention(name="closeness", metric="closeness", higher_is_better=True),
    Convention(name="kl", metric="kl", base=2.0, high=math.inf),
    Convention(name="kl_reverse", metric="kl_reverse", base=2.0, high=math.inf),
    Convention(name="cross_entropy", metric="cross_entropy", base=2.0, high=math.inf),
    Convention(
        name="skill", metric="skill", low=-math.inf, high=100.0, higher_is_better=True, aggregate=True
    ),
    Convention(name="argmax_match", metric="argmax_match", higher_is_better=True),
)
_PAPERS = (
    Convention(
        name="roadmap",
        paper="Sorensen et al., ICML 2024 (arXiv 2402.05070), released code",
        metric="js_distance",
        base=2.0,
        options="sums logits of several spellings and cuts options beyond the human list: do neither",
    ),
    Convention(
        name="modular_pluralism",
        paper=_MODULAR,
        metric="js_distance",
        base=math.e,
        high=math.sqrt(_NATS),
        options="items of one option exist and are to be dropped; the gold of MoralChoice is made up: "
        "[1, 0] where ambiguity is low, [.5, .5] where it is high",
    ),
    Convention(
        name="modular_pluralism_match",
        paper=_MODULAR,
        metric="argmax_match",
        higher_is_better=True,
        options="the same items; we count a tie by the share of likeliest options that match",
    ),
    *(
        Convention(
            name=name, paper=_SPECTRUM, metric=metric, base=math.e, high=high, smoothing=1e-6, options=_SUMS
        )
        for name, metric, high in _OF_SPECTRUM
    ),
    Convention(
        name="meister",
        paper="Meister et al., NAACL 2025 (arXiv 2411.05403)",
        metric="tv",
        options="a mean over questions x groups; three data sets weigh alike",
    ),
    Convention(
        name="simbench",
        paper="SimBench (tsor13/SimBench_release)",
        metric="skill",
        low=-math.inf,
        high=100.0,
        higher_is_better=True,
        aggregate=True,
        options="both sides are divided by their sums; the mean of the uniform is that of the data set",
    ),
    Convention(
        name="opinion_qa",
        paper="Santurkar et al., ICML 2023 (arXiv 2303.17548), released code",
        metric="closeness",
        higher_is_better=True,
        options="refusals are left out; positions are the ordinal codes of the release",
    ),
    Convention(
        name="global_opinion_qa",
        paper="Durmus et al., 2023 (arXiv 2306.16388)",
        metric="js_similarity",
        higher_is_better=True,
        options="a country's questions only; the base is not confirmed and must be given",
    ),
)
CONVENTIONS: dict[str, Convention] = {each.name: each for each in (*_PLAIN, *_PAPERS)}
"""Name -> convention: plain metrics first, then those of papers."""


def convention(name: str | Convention) -> Convention:
    """Look a convention up.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(name, Convention):
        return name
    if name not in CONVENTIONS:
        near = difflib.get_close_matches(name, CONVENTIONS, n=1)
        told = f"did you mean {near[0]!r}?" if near else f"take one of {', '.join(CONVENTIONS)}"
        raise ValueError(f"there is no metric {name!r}; {told}")
    return CONVENTIONS[name]
