"""Options that a jury of people rates: which one wins, by which rule."""
