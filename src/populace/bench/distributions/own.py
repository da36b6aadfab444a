"""Value-laden questions with closed answers, written for this project: nobody was asked them."""

from __future__ import annotations

__all__ = ["OWN"]

_ASKED = 'Do you agree with this statement: "{}"?'
_AGREE = ("Strongly agree", "Somewhat agree", "Somewhat disagree", "Strongly disagree")
_ALWAYS = ("Never acceptable", "Rarely acceptable", "Often acceptable", "Always acceptable")
_MORE = ("Much less", "Somewhat less", "About the same", "Somewhat more", "Much more")

OWN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("parents-home", _ASKED.format("Grown children should take their ageing parents in."), _AGREE),
    ("faith-school", _ASKED.format("Public schools should leave room for prayer."), _AGREE),
    ("inheritance", _ASKED.format("Large inheritances should be taxed more heavily than wages."), _AGREE),
    ("meat", _ASKED.format("Eating animals is wrong where plants would do."), _AGREE),
    ("borders", _ASKED.format("A country may refuse people who only look for a better life."), _AGREE),
    ("speech", _ASKED.format("Somebody who insults a religion should be free to do so."), _AGREE),
    ("nuclear", _ASKED.format("Nuclear power should be part of the answer to a warming climate."), _AGREE),
    ("conscription", _ASKED.format("Every young person should serve the country for a year."), _AGREE),
    ("strikes", _ASKED.format("Nurses should be free to go on strike."), _AGREE),
    (
        "custom",
        _ASKED.format("Newcomers should take on the customs of the country that they move to."),
        _AGREE,
    ),
    ("quota", _ASKED.format("Companies should reserve places on their boards for women."), _AGREE),
    ("assisted-dying", "How acceptable is it to help a very ill person die who asks for it?", _ALWAYS),
    ("white-lie", "How acceptable is it to lie so as to spare somebody's feelings?", _ALWAYS),
    ("spanking", "How acceptable is it to smack a child who has done wrong?", _ALWAYS),
    ("whistle", "How acceptable is it to hand secret papers of the state to a newspaper?", _ALWAYS),
    ("divorce", "How acceptable is it to divorce while the children are small?", _ALWAYS),
    ("cloning", "How acceptable is it to choose an embryo by its genes?", _ALWAYS),
    ("police", "Should the state spend more or less on the police?", _MORE),
    ("aid", "Should the state spend more or less on help for poor countries?", _MORE),
    ("army", "Should the state spend more or less on the armed forces?", _MORE),
    ("cars", "Should cities leave more or less room for cars?", _MORE),
    ("screens", "Should parents let children use screens more or less than they do?", _MORE),
    ("homework", "Should schools give more or less homework than they do?", _MORE),
    ("borrowing", "Should the state borrow more or less than it does?", _MORE),
)
"""Name, question and options, from one end of a scale to the other."""
