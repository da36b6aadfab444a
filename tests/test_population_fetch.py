"""Fetching from a server on this machine: whole files, cut ones, refusals, resuming, files put by hand."""

from __future__ import annotations

import asyncio
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from populace import population
from populace.cli import app
from populace.errors import DataError
from populace.population import fetch as fetching
from populace.population.fetch import CENSUS, cache_folder, fetch_acs_pums

PERSONS = "SERIALNO,SPORDER,STATE,PWGTP,AGEP\n" + "".join(f"2024HU{n:07d},1,50,9,40\n" for n in range(40_000))
HOMES = "SERIALNO,STATE,WGTP,HINCP\n" + "".join(f"2024HU{n:07d},50,9,70000\n" for n in range(40_000))


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return out.getvalue()


class Server:
    """Serves bytes by path, with ranges; counts what it is asked; does what a test tells it to."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.cut: list[int] = []
        """Bytes after which the next answers break off."""
        self.status: list[int] = []
        """What the next answers are, instead of the file."""
        self.tag = '"one"'
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.asked.append((request.path, asked))
        if self.status:
            return web.Response(status=self.status.pop(0))
        data = self.files.get(request.path)
        if data is None:
            return web.Response(status=404)
        start = 0
        if asked and request.headers.get("If-Range") == self.tag:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
        response = web.StreamResponse(status=206 if start else 200, headers={"ETag": self.tag})
        response.content_length = len(data) - start
        await response.prepare(request)
        if self.cut:
            await response.write(data[start : start + self.cut.pop(0)])
            request.transport.close()  # type: ignore[union-attr]
            return response
        await response.write(data[start:])
        return response


@contextmanager
def running() -> Iterator[Server]:
    server, loop, ready = Server(), asyncio.new_event_loop(), threading.Event()

    async def start() -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", server.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        ready.set()

    def run() -> None:
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    yield server
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "_WAIT", 0.01)
    with running() as found:
        root = "/data/pums/2024/1-Year"
        found.files = {
            f"{root}/csv_pvt.zip": zipped(psam_p50=PERSONS),
            f"{root}/csv_hvt.zip": zipped(psam_h50=HOMES),
        }
        yield found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


WHOLE = ["csv_hvt.zip", "csv_hvt.zip.json", "csv_pvt.zip", "csv_pvt.zip.json"]


def test_a_state_is_fetched_and_built(server, tmp_path):
    told = []
    found = fetch_acs_pums(
        2024, "VT", folder=tmp_path, mirror=server.url, progress=lambda *each: told.append(each)
    )
    assert [each.path.name for each in found] == ["csv_pvt.zip", "csv_hvt.zip"]
    assert names(tmp_path) == WHOLE and not any(each.again for each in found)
    size = len(server.files["/data/pums/2024/1-Year/csv_pvt.zip"])
    assert ("csv_pvt.zip", size, size) in told and found[0].bytes == size
    made = population.build(found[0].path)
    assert len(made) == 40_000 and made.frame["income"].unique().to_list() == [70000]
    # Again: nothing is asked of the server.
    before = len(server.asked)
    assert all(each.again for each in fetch_acs_pums(2024, "Vermont", folder=tmp_path, mirror=server.url))
    assert len(server.asked) == before == 2


def test_a_fetch_that_breaks_off_goes_on_where_it_stopped(server, tmp_path):
    server.cut = [50_000, 20_000]
    fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
    assert names(tmp_path) == WHOLE
    ranges = [asked for path, asked in server.asked if path.endswith("csv_pvt.zip")]
    # What the server wrote before it broke off arrived; the next try asks for the rest.
    assert ranges[0] is None and ranges[1] == "bytes=50000-" and ranges[2] == "bytes=70000-"


def test_a_killed_fetch_goes_on_with_the_next_run(server, tmp_path):
    whole = server.files["/data/pums/2024/1-Year/csv_pvt.zip"]
    url = f"{server.url}/data/pums/2024/1-Year/csv_pvt.zip"
    (tmp_path / ".csv_pvt.zip.part").write_bytes(whole[:30_000])
    (tmp_path / ".csv_pvt.zip.part.json").write_text(f'{{"url": "{url}", "tag": "\\"one\\""}}')
    fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
    assert server.asked[0][1] == "bytes=30000-"
    assert (tmp_path / "csv_pvt.zip").read_bytes() == whole and names(tmp_path) == WHOLE


def test_a_part_of_another_file_is_not_gone_on_with(server, tmp_path):
    url = f"{server.url}/data/pums/2024/1-Year/csv_pvt.zip"
    (tmp_path / ".csv_pvt.zip.part").write_bytes(b"x" * 1000)
    (tmp_path / ".csv_pvt.zip.part.json").write_text(f'{{"url": "{url}", "tag": "\\"older\\""}}')
    fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
    assert (tmp_path / "csv_pvt.zip").read_bytes() == server.files["/data/pums/2024/1-Year/csv_pvt.zip"]
    # A part without its receipt says nothing of where it comes from.
    (tmp_path / "csv_hvt.zip").unlink()
    (tmp_path / ".csv_hvt.zip.part").write_bytes(b"x" * 1000)
    fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
    assert server.asked[-1][1] is None and names(tmp_path) == WHOLE


def test_passing_troubles_are_waited_out_and_lasting_ones_named(server, tmp_path):
    server.status = [503, 429, 500]
    fetch_acs_pums(2024, "vt", folder=tmp_path / "a", mirror=server.url)
    assert len(server.asked) == 5
    server.status = [503] * 5
    with pytest.raises(DataError, match=r"csv_pvt\.zip could not be fetched \(the server answers 503\)"):
        fetch_acs_pums(2024, "vt", folder=tmp_path / "b", mirror=server.url)
    assert names(tmp_path / "b") == []
    server.status = [403]
    with pytest.raises(DataError, match="the server answers 403"):
        fetch_acs_pums(2024, "vt", folder=tmp_path / "b", mirror=server.url)
    with pytest.raises(
        DataError, match=r"csv_pny\.zip does not exist: .* put http.*csv_pny\.zip and .*csv_hny\.zip into"
    ):
        fetch_acs_pums(2024, "NY", folder=tmp_path / "b", mirror=server.url)
    server.cut = [1000] * 5
    with pytest.raises(DataError, match=r"could not be fetched"):
        fetch_acs_pums(2024, "vt", folder=tmp_path / "b", mirror=server.url)
    assert not (tmp_path / "b" / "csv_pvt.zip").exists()


def test_damaged_and_wrong_files_are_removed(server, tmp_path):
    path = "/data/pums/2024/1-Year/csv_pvt.zip"
    whole = server.files[path]
    for bad in (whole[:-500], whole[:9000] + bytes(50) + whole[9050:], zipped(), b"<html>moved</html>"):
        server.files[path] = bad
        with pytest.raises(DataError, match=r"is damaged .* and was removed"):
            fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
        assert not (tmp_path / "csv_pvt.zip").exists()
    server.files[path] = zipped(psam_p50=PERSONS.replace("2024HU", "2021HU"))
    with pytest.raises(DataError, match=r"wrong vintage: .* gave records of 2021"):
        fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
    server.files[path] = whole
    fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)
    assert names(tmp_path) == WHOLE
    # What was damaged since is fetched again; another year's file of the same name stays where it is.
    (tmp_path / "csv_pvt.zip").write_bytes(whole[:-1])
    assert not fetch_acs_pums(2024, "vt", folder=tmp_path, mirror=server.url)[0].again
    with pytest.raises(DataError, match="wrong vintage: a file of this name is there, with records of 2024"):
        fetch_acs_pums(2023, "vt", folder=tmp_path, mirror=server.url)
    assert (tmp_path / "csv_pvt.zip").read_bytes() == whole


def test_files_put_there_by_hand_are_taken(server, tmp_path):
    for path, data in server.files.items():
        (tmp_path / Path(path).name).write_bytes(data)
    assert all(
        each.again for each in fetch_acs_pums(2024, "vt", folder=tmp_path, mirror="http://127.0.0.1:9")
    )
    assert server.asked == []


def test_without_a_network_the_way_by_hand_is_told(tmp_path):
    with pytest.raises(DataError) as caught:
        fetch_acs_pums(2024, "vt", folder=tmp_path, mirror="http://127.0.0.1:9")
    text = str(caught.value)
    assert "cannot be reached" in text and f"into {tmp_path}" in text
    assert "csv_pvt.zip" in text and "csv_hvt.zip" in text
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"year": 2017, "state": "vt"}, "give a year from 2018 to 2024"),
        ({"year": 2024, "state": "XX"}, "there is no state 'XX'"),
        ({"year": 2024, "state": "vt", "span": 3}, "give a span of 1 or 5"),
    ],
)
def test_wishes_that_cannot_be_met(tmp_path, arguments, says):
    with pytest.raises(DataError, match=says):
        fetch_acs_pums(**arguments, folder=tmp_path)


def test_addresses(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(fetching._Fetch, "run", lambda self: seen.extend(self._urls) or asyncio.sleep(0, []))
    for arguments in ((2024, "us", 1), (2022, "11", 5), (2020, "District of Columbia", 1), (2020, "DC", 5)):
        year, state, span = arguments
        fetch_acs_pums(year, state, span=span, folder=tmp_path)
    assert [url.removeprefix(CENSUS) for url in seen[::2]] == [
        "/data/pums/2024/1-Year/csv_pus.zip",
        "/data/pums/2022/5-Year/csv_pdc.zip",
        "/experimental/2020/data/pums/1-Year/csv_pdc.zip",
        "/data/pums/2020/5-Year/csv_pdc.zip",
    ]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder(2022, 5) == tmp_path / "cache" / "populace" / "acs-pums" / "2022-5-year"


def test_the_command(server, tmp_path):
    run = CliRunner().invoke
    words = ["population", "fetch", "acs-pums", "--year", "2024", "--state", "VT"]
    found = run(app, [*words, "--out", str(tmp_path), "--mirror", server.url])
    assert found.exit_code == 0, found.output
    assert "csv_pvt.zip: " in found.output and "fetched" in found.output
    assert f"populace population build --source {tmp_path / 'csv_pvt.zip'}" in found.output.replace("\n", "")
    found = run(app, [*words, "--out", str(tmp_path), "--mirror", server.url])
    assert "was there and is whole" in found.output
    listed = run(app, ["population", "codebooks"])
    assert listed.exit_code == 0 and "anes_pilot_2022" in listed.output
    asked = run(app, ["population", "codebooks", "gss"])
    assert asked.exit_code == 0 and "item_gunlaw" in asked.output
