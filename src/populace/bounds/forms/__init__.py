"""Tier 3 as a short form that a person understands: its file, its lists, its page."""

from populace.bounds.forms.form import Form, Kind, Trait, Wish, form_lists, read_form, wish_list, write_form

__all__ = ["Form", "Kind", "Trait", "Wish", "form_lists", "read_form", "wish_list", "write_form"]
