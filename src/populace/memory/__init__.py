"""A memory of people: what they said, what follows from it, and who may know (Persona-DB, arXiv 2402.11060)."""
