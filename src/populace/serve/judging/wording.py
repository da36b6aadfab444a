"""Sentences that raters read where something did not go as usual."""

from __future__ import annotations

__all__ = ["BROKEN", "FAILED", "FULL", "GONE", "OWED", "UNKNOWN"]

BROKEN = "The link or form is incomplete. Please use the link you were given once more."
FULL = (
    "All places of this study are taken. One becomes free when somebody stops, so you may try again later. "
    "Whatever you sent before is kept."
)
UNKNOWN = "Perhaps it was cut short, or you had your answers deleted. Please use the link you were given."
GONE = "Your answers and everything stored about you are gone. You can close this page."
OWED = (
    "Your answers and everything stored about you are deleted, and nobody is shown them any more. Another "
    "program reads the database just now, so the last traces in its files are overwritten once it is done."
)
FAILED = "Answers that you sent before are stored. Please go back and try again in a moment."
