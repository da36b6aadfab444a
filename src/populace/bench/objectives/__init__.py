"""Objectives that answers are scored on: rules that need no judge, and what tasks make of them."""
