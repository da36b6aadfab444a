"""The schema of a store: made, brought up to date in one transaction, refused if of a later version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from populace.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store

__all__ = ["HEAD", "VERSION_TABLE", "bring_up_to_date"]

HEAD = "0002"
"""The revision that `tables` describes."""
VERSION_TABLE = "memory_version"
_FOLDER = Path(__file__).with_name("migrations")


def bring_up_to_date(store: Store, *, create: bool) -> None:
    """Make the tables, or bring them to the newest revision, all in one transaction.

    Raises
    ------
    DataError
        If there is no memory and `create` is off, or it was written by a later version.
    """
    with store.read() as connection:
        if _version(connection) == HEAD:
            return
    with store.turn() as connection:  # another process may have done it meanwhile
        version = _version(connection)
        if version == HEAD:
            return
        if version is None and not create:
            raise DataError("there is no memory here", file=store.name, fix="make one: populace memory add")
        script, config = _scripts()
        known = {each.revision for each in script.walk_revisions()}
        if version is not None and version not in known:
            raise DataError(
                f"this memory was written by a later version (revision {version})",
                file=store.name,
                fix="upgrade populace",
            )
        _upgrade(connection, script, config)
        if version is None:
            from sqlalchemy import insert

            from populace.memory.store import first_settings
            from populace.memory.tables import settings

            connection.execute(insert(settings), first_settings())


def _version(connection: Connection) -> str | None:
    """Give the revision that stands here; None where there is none."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def _scripts() -> tuple[Any, Any]:
    try:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
    except ImportError as error:
        from populace.memory.store import needs

        raise needs("memory", error) from error
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return ScriptDirectory.from_config(config), config


def _upgrade(connection: Connection, script: Any, config: Any) -> None:
    from alembic.runtime.environment import EnvironmentContext

    def steps(revision: Any, context: Any) -> Any:
        return script._upgrade_revs(HEAD, revision)

    with EnvironmentContext(config, script, fn=steps) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE)
        environment.run_migrations()
