"""Tier 3 as a page that a person understands, and what it writes."""
