"""What a text is like: brevity, readability, sentiment, politeness, offensiveness; by rules and by small models."""
