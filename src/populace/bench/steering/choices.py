"""Choices between two goods, written for this project: six principles, and a question for every two of them.

Each option is what one principle would choose. Nothing here is right: the gold says what follows from a
principle, and was set by whoever wrote the question, not by a vote.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CHOICES", "PRINCIPLES", "Choice"]


class Choice(NamedTuple):
    """A question with two options, each of a principle."""

    first: str
    """Principle of the first option."""
    second: str
    question: str
    options: tuple[str, str]


PRINCIPLES = {
    "honesty": "This person holds that one must never mislead anybody, whatever it costs.",
    "kindness": "This person holds that what matters most is to spare others pain and to look after them.",
    "liberty": "This person holds that everybody should be left to decide for themselves.",
    "equality": "This person holds that everybody should get the same.",
    "tradition": "This person holds that what earlier generations handed down should be kept.",
    "merit": "This person holds that places and rewards belong to those who do best.",
}
"""Principle -> the words by which a model is steered to it."""

CHOICES = (
    Choice(
        "honesty",
        "kindness",
        "A friend asks whether you like the painting that she worked on for months. You do not. "
        "What do you do?",
        ("I tell her that it does not work for me.", "I tell her what I like about its colours."),
    ),
    Choice(
        "liberty",
        "honesty",
        "Should shops have to print on every package how much sugar is in it?",
        ("No, shops may print what they want.", "Yes, people must be shown what is in it."),
    ),
    Choice(
        "honesty",
        "equality",
        "A firm finds that it paid women less for years. It can raise their pay today without a word, or "
        "first publish what happened, which delays the raise. What should it do?",
        ("Publish first what happened.", "Raise their pay today."),
    ),
    Choice(
        "tradition",
        "honesty",
        "A village feast rests on a legend that a historian has shown to be false. What should guides say?",
        ("They should tell the legend as it was always told.", "They should say that it never happened."),
    ),
    Choice(
        "honesty",
        "merit",
        "The applicant with by far the best test kept silent about a dismissal. What should the firm do?",
        ("Turn the applicant down.", "Hire the applicant."),
    ),
    Choice(
        "liberty",
        "kindness",
        "An old man falls often, lives alone, and wants to stay in his house. What should his children do?",
        ("Let him stay.", "Bring him to a home where he is cared for."),
    ),
    Choice(
        "kindness",
        "equality",
        "A frightened patient begs the doctor for more time; others wait. What should the doctor do?",
        ("Stay with the frightened patient.", "Give each of them as much time as the next."),
    ),
    Choice(
        "tradition",
        "kindness",
        "At a funeral, custom has the widow stand for three hours. She is exhausted. What should happen?",
        ("The ceremony goes on as custom has it.", "Somebody brings her a chair and sends the guests home."),
    ),
    Choice(
        "kindness",
        "merit",
        "One of two workers must go: a slow one who would find nothing else, or a quick one. "
        "Who should stay?",
        ("The slow one, who would find nothing else.", "The quick one, who gets more done."),
    ),
    Choice(
        "equality",
        "liberty",
        "Parents want to pay for a further teacher at their children's public school. "
        "What should the state do?",
        ("Spread the money over all schools.", "Let them spend it as they wish."),
    ),
    Choice(
        "liberty",
        "tradition",
        "Some shops want to open on the day of rest. What should the town do?",
        ("Leave it to each shop.", "Keep the day as it has long been kept."),
    ),
    Choice(
        "merit",
        "liberty",
        "The state pays for studies. Who should get into a subject?",
        ("Those with the highest marks.", "Whoever chooses it."),
    ),
    Choice(
        "equality",
        "tradition",
        "A club has admitted only men for two hundred years. What should it do?",
        ("Admit women on the terms that men have.", "Stay as its founders made it."),
    ),
    Choice(
        "equality",
        "merit",
        "A team of four wins 12,000. One of them did most of the work. How should it be split?",
        ("Three thousand for each.", "Most of it for the one who did most of the work."),
    ),
    Choice(
        "tradition",
        "merit",
        "An orchestra has always made its longest-serving player its leader. Whom should it choose next?",
        ("The longest-serving player, once more.", "The finest player."),
    ),
)
