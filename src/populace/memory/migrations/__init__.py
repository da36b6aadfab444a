"""Alembic's revisions of the memory's schema; `populace.memory.migrating` runs them."""
