"""Options that a jury of people rates: which one wins, by which rule, and how sure that is.

A rule is a choice, and a jury's numbers do not make it. So every rule of the literature stands beside every
other, refuses numbers that do not carry it, gives all options that tie, and says what it did about missing
ratings.

>>> jury = Jury([[9, 6], [9, 6], [9, 6], [1, 5], [1, 5]], ["plain", "balanced"], zero=0)
>>> [jury.winner(rule).only for rule in ("utilitarian", "nash", "leximin", "schulze")]
['plain', 'balanced', 'balanced', 'plain']
"""

from populace.pluralism.jury.ballots import Ballots, Kind
from populace.pluralism.jury.context import hidden_context
from populace.pluralism.jury.fills import Filled
from populace.pluralism.jury.jurors import Jury
from populace.pluralism.jury.learned import LearnedWelfare, learn_welfare, learn_welfare_of_pairs
from populace.pluralism.jury.outcomes import Condorcet, Lottery, Winner
from populace.pluralism.jury.profile import Flip, Profile, Stretch
from populace.pluralism.jury.reading import Question, read_juries
from populace.pluralism.jury.resampling import Resampled
from populace.pluralism.jury.rules import RULES, Rule
from populace.pluralism.jury.strategy import Change, Strategy
from populace.pluralism.jury.zero import ZeroSensitivity

__all__ = [
    "RULES",
    "Ballots",
    "Change",
    "Condorcet",
    "Filled",
    "Flip",
    "Jury",
    "Kind",
    "LearnedWelfare",
    "Lottery",
    "Profile",
    "Question",
    "Resampled",
    "Rule",
    "Strategy",
    "Stretch",
    "Winner",
    "ZeroSensitivity",
    "hidden_context",
    "learn_welfare",
    "learn_welfare_of_pairs",
    "read_juries",
]
