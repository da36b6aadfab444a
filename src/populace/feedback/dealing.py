"""Dealing people or prompts like cards: everyone equally often, nobody twice in one hand.

The designs of `feedback.policies` need the same thing twice: prompts for people, and people for pairs.
Walking round one shuffled circle is balanced too, but neighbours then always come together, so that the same
people would judge the same pairs for ever; here each lap is shuffled anew.
"""

from __future__ import annotations

import numpy as np

__all__ = ["deal"]


def deal(cards: int, hands: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Deal `hands` hands of `size` different cards, each card as often as any other (or once more).

    A deck is dealt to its end before the next is shuffled. A hand that begins in one deck and ends in the
    next skips what it already holds; the skipped cards are dealt next.

    Parameters
    ----------
    cards
        Cards of a deck, named 0 to `cards - 1`.
    hands, size
        How many hands, and how many cards each; `size` is at most `cards`.

    Returns
    -------
    numpy.ndarray
        Shape (hands, size), integers. After any number of hands, two cards differ by at most one in how often
        they were dealt.

    Raises
    ------
    ValueError
        If a hand would hold more cards than there are.

    Examples
    --------
    >>> deal(4, 3, 2, np.random.default_rng(0)).shape
    (3, 2)
    >>> np.bincount(deal(5, 10, 3, np.random.default_rng(0)).ravel()).tolist()
    [6, 6, 6, 6, 6]
    """
    if not 0 <= size <= cards:
        raise ValueError(f"a hand of {size} different cards needs a deck of as many, not of {cards}")
    dealt = np.empty((hands, size), dtype=np.int64)
    deck = np.empty(0, dtype=np.int64)
    for hand in dealt:
        if (rest := len(deck)) < size:
            fresh = rng.permutation(cards)
            held = np.isin(fresh, deck)
            new, skipped = fresh[~held], fresh[held]
            missing = size - rest
            hand[:rest], hand[rest:] = deck, new[:missing]
            # The skipped cards stand in this lap too, and come first in what is left of it.
            deck = np.concatenate([skipped, new[missing:]])
        else:
            hand[:], deck = deck[:size], deck[size:]
    return dealt
