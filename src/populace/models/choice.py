"""From the log-likelihoods of options to probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from populace.models.records import Choice

__all__ = ["contrast", "distribution"]


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
