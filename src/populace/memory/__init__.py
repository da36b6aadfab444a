"""A memory of people (Persona-DB, arXiv 2402.11060): what they said, what follows, and who may know."""
