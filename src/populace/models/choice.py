"""From the log-likelihoods of options to probabilities.

Where options are short labels (" 1", " 2") that stand for answers, their probabilities say two things: which
of them the model prefers, and, in sum, whether it answers with a label at all. A model that refuses still
leaves some trace of probability on every label; the ratio of two traces is no preference. So a caller takes
`options_mass` first and calls it a refusal where that is below `LEAST_MASS`, and only then compares what
`floored` gives. Neither is meant for long options, of which any single text is improbable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from populace.models.records import Choice

__all__ = ["LEAST_MASS", "UNLISTED", "contrast", "distribution", "floored", "options_mass"]

LEAST_MASS = 0.1
"""Probability of the options together below which the model gave no answer: nine times in ten it would write
something else. A provider that lists only the likeliest tokens makes the sum smaller, never larger."""
UNLISTED = -20.0
"""Log-likelihood that stands in for an option which no provider listed: very unlikely, not impossible."""


def distribution(choice: Choice, *, per_token: bool = False) -> tuple[float, ...] | None:
    """Probability of each option, given that one of them is chosen.

    The softmax of the options' log-likelihoods. An option that was not offered has probability 0.

    Parameters
    ----------
    choice
        Answer of `Provider.choose` with K options.
    per_token
        Divide each log-likelihood by the option's number of tokens first, so that a long option does
        not lose by being long.

    Returns
    -------
    K probabilities that sum to 1, or None where no option was offered (the model refused).

    Examples
    --------
    >>> from math import log
    >>> answer = Choice(key="", log_likelihoods=(log(0.1), log(0.3)), tokens=(1, 1))
    >>> [round(p, 3) for p in distribution(answer)]
    [0.25, 0.75]
    >>> distribution(Choice(key="", log_likelihoods=(None, None), tokens=(1, 1))) is None
    True
    """
    return _softmax(_scores(choice, per_token))


def options_mass(choice: Choice) -> float:
    """Probability that the model goes on with one of the options: 0 where none was offered, at most 1.

    The options must exclude each other (none may begin with another) for the sum to be a probability.

    Examples
    --------
    >>> from math import log
    >>> options_mass(Choice(key="", log_likelihoods=(log(0.5), log(0.25)), tokens=(1, 1)))
    0.75
    >>> refusal = Choice(key="", log_likelihoods=(-11.5, -14.0), tokens=(1, 1))
    >>> options_mass(refusal) < LEAST_MASS
    True
    """
    mass = math.fsum(math.exp(value) for value in choice.log_likelihoods if value is not None)
    return min(mass, 1.0)  # rounding of logarithms may leave it above


def floored(choice: Choice) -> tuple[float, ...] | None:
    """Give every option a log-likelihood, one that was not offered below each that was.

    The stand-in is `UNLISTED`, or one below the least likely option that was offered, whichever is lower: it
    keeps averages defined, and the option that a provider did not even list never wins.

    Returns
    -------
    K log-likelihoods, or None where no option was offered.

    Examples
    --------
    >>> floored(Choice(key="", log_likelihoods=(-1.0, None), tokens=(1, 1)))
    (-1.0, -20.0)
    >>> floored(Choice(key="", log_likelihoods=(None, -25.0), tokens=(1, 1)))
    (-26.0, -25.0)
    """
    offered = [value for value in choice.log_likelihoods if value is not None]
    if not offered:
        return None
    floor = min(UNLISTED, min(offered) - 1.0)
    return tuple(floor if value is None else value for value in choice.log_likelihoods)


def contrast(choice: Choice, baseline: Choice, *, per_token: bool = False) -> tuple[float, ...] | None:
    r"""Probability of each option by how much the persona raised it above the model's own habit.

    With `x` the persona, `c` the rest of the prompt and :math:`y_k` an option,

    .. math:: p_k = \operatorname{softmax}_k\bigl(\log p(y_k \mid x, c) - \log p(y_k \mid c)\bigr).

    The difference is the pointwise mutual information of persona and option given the prompt, known as
    domain-conditional PMI; it removes what the options' wording alone makes likely.

    Parameters
    ----------
    choice
        Answer to the prompt with the persona, K options.
    baseline
        Answer to the same prompt and the same options without it.
    per_token
        Divide each difference by the option's number of tokens.

    Returns
    -------
    K probabilities that sum to 1. None where `choice` offers no option, or offers one that `baseline`
    does not (the ratio is then unbounded).

    Raises
    ------
    ValueError
        The two answers are not about the same number of options.

    References
    ----------
    Holtzman, West, Shwartz, Choi, Zettlemoyer (2021). Surface Form Competition: Why the Highest
    Probability Answer Isn't Always Right. EMNLP. https://doi.org/10.18653/v1/2021.emnlp-main.564

    Examples
    --------
    >>> from math import log
    >>> with_persona = Choice(key="", log_likelihoods=(log(0.6), log(0.2)), tokens=(1, 1))
    >>> without = Choice(key="", log_likelihoods=(log(0.6), log(0.1)), tokens=(1, 1))
    >>> [round(p, 3) for p in contrast(with_persona, without)]
    [0.333, 0.667]
    """
    if len(choice.log_likelihoods) != len(baseline.log_likelihoods):
        raise ValueError(
            f"{len(choice.log_likelihoods)} options against {len(baseline.log_likelihoods)} in the baseline"
        )
    differences: list[float | None] = []
    for mine, habit in zip(_scores(choice, per_token), _scores(baseline, per_token), strict=True):
        if mine is not None and habit is None:
            return None
        differences.append(None if mine is None or habit is None else mine - habit)
    return _softmax(differences)


def _scores(choice: Choice, per_token: bool) -> list[float | None]:
    if not per_token:
        return list(choice.log_likelihoods)
    return [
        None if value is None else value / max(tokens, 1)
        for value, tokens in zip(choice.log_likelihoods, choice.tokens, strict=True)
    ]


def _softmax(scores: Sequence[float | None]) -> tuple[float, ...] | None:
    offered = [score for score in scores if score is not None]
    if not offered:
        return None
    top = max(offered)
    weights = [0.0 if score is None else math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)
