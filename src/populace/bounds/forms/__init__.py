"""Tier 3 as a page that a person understands: what they can choose, what they cannot and why."""

from populace.bounds.forms.facts import Facts, facts
from populace.bounds.forms.page import form_page

__all__ = ["Facts", "facts", "form_page"]
