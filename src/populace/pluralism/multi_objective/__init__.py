"""Objectives that are not traded off: fronts and what they are worth."""
