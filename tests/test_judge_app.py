"""Every route of the judging pages, with good and bad input, without a browser."""

from __future__ import annotations

import html
import io
import re
import sqlite3
import threading

import polars as pl
import pytest

pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")
pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("httpx2", reason="Starlette's test client needs httpx2")

from starlette import testclient

from judge_material import options, write_material
from populace.bench.verdict_files import read_people, with_people
from populace.serve.judging.app import make_app
from populace.serve.judging.guard import LARGEST_BODY
from populace.serve.judging.opening import open_study
from populace.serve.judging.settings import make_settings

PANEL = {"PROLIFIC_PID": "5f0c2a77", "STUDY_ID": "st1", "SESSION_ID": "se1"}


class Site:
    """A study and a client that follows no redirect by itself."""

    def __init__(self, folder, **more):
        write_material(folder)
        self.opened = open_study(str(folder / "j.sqlite"), make_settings(options(folder, **more)))
        self.app = make_app(self.opened)
        self.client = testclient.TestClient(self.app, follow_redirects=False)
        self.admin = f"/admin/{self.opened.keys.admin}"

    def enter(self, **panel):
        """Agree; gives the address of the rater's page."""
        fields = hidden(self.client.get("/", params=panel).text) | {"agree": "yes"}
        reply = self.client.post("/begin", data=fields)
        assert reply.status_code == 303
        return reply.headers["location"].removesuffix("/instructions")

    def answer(self, page, choice="first", **more):
        text = self.client.get(page).text
        return self.client.post(page, data=hidden(text) | {"choice": place(text, choice)} | more)

    def rows(self, table="judging_answers"):
        with self.opened.store.read() as c:
            return c.exec_driver_sql(f"SELECT * FROM {table}").fetchall()


def place(text, choice):
    """Give the place on a page of the answer that the files call first or second."""
    shown = re.findall(r'<div class="text"[^>]*>(\w+)(.*?)</div>', text)
    first = next(
        (n for n, (word, more) in enumerate(shown, 1) if word == "FIRST" or "Please choose" in more), 0
    )
    return {"first": str(first), "second": str(3 - first)}.get(choice, choice)


def hidden(text):
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text)
    return {name: html.unescape(value) for name, value in found}


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path, completion_code="CODE7", completion_url="https://panel.example/done?cc=CODE7")
    yield made
    made.opened.store.close()


def test_until_somebody_agrees_nothing_is_stored(site):
    page = site.client.get("/", params=PANEL)
    assert page.status_code == 200
    assert "I agree and take part" in page.text
    assert "set-cookie" not in page.headers
    refused = site.client.post("/begin", data=hidden(page.text) | {"agree": "no"})
    assert refused.headers["location"] == "/declined"
    assert site.client.post("/begin", data=hidden(page.text)).headers["location"] == "/declined"
    assert "Nothing about you was stored" in site.client.get("/declined").text
    assert site.rows("judging_raters") == []


def test_from_consent_to_the_code(site):
    page = site.enter(**PANEL)
    assert "Meet person" in site.client.get(f"{page}/instructions").text
    seen = set()
    for place in range(1, 9):
        text = site.client.get(page).text
        assert f"Question {place} of 8" in text
        seen.add(hidden(text)["item"])
        assert site.answer(page, reason="<i>why</i>").headers["location"] == page
    assert len(seen) == 8
    done = site.client.get(page)
    assert "CODE7" in done.text
    assert "https://panel.example/done?cc=CODE7" in done.text
    assert len(site.rows()) == 8
    # The panel's link leads back to the same place, and so does agreeing once more.
    assert site.client.get("/", params=PANEL).headers["location"] == page
    assert len(site.rows("judging_raters")) == 1


def test_double_clicks_resends_and_two_tabs_store_once(site):
    page = site.enter()
    text = site.client.get(page).text
    form = hidden(text)
    for _ in range(2):
        assert site.client.post(page, data=form | {"choice": place(text, "first")}).status_code == 303
    for choice in (place(text, "second"), "tie"):
        reply = site.client.post(page, data=form | {"choice": choice})
        assert reply.status_code == 422
        assert "answered that question already, and differently" in reply.text
        assert "Question 2 of 8" in reply.text
    (row,) = site.rows()
    assert "first" in row
    assert "Question 2 of 8" in site.client.get(page).text


def test_agreeing_twice_makes_one_rater(site):
    fields = hidden(site.client.get("/").text) | {"agree": "yes"}
    where = {site.client.post("/begin", data=fields).headers["location"] for _ in range(3)}
    assert len(where) == 1
    assert len(site.rows("judging_raters")) == 1


def test_a_choice_left_out_keeps_what_was_written(site):
    page = site.enter()
    reply = site.answer(page, choice="", reason='half "written" <b>')
    assert reply.status_code == 422
    assert "Please choose an answer." in reply.text
    assert 'role="alert"' in reply.text
    assert "half &#34;written&#34; &lt;b&gt;</textarea>" in reply.text
    assert site.rows() == []


def test_texts_from_files_are_escaped(tmp_path):
    write_material(tmp_path)
    (tmp_path / "consent.md").write_text("# Who\n<script>alert(1)</script> [x](javascript:alert(1)) **we**")
    evil = pl.DataFrame({
        "persona_id": ["p0"], "prompt_id": ["q0"], "prompt": ["<img src=x>\x00"],
        "first": ["</div><script>1</script>"], "second": ["{{ 7 * 7 }}"],
    })  # fmt: skip
    evil.write_parquet(tmp_path / "evil.parquet")
    given = options(tmp_path, consent=tmp_path / "consent.md", checks=0) | {
        "pairs": tmp_path / "evil.parquet"
    }
    opened = open_study(str(tmp_path / "e.sqlite"), make_settings(given | {"title": "<b>T</b>"}))
    client = testclient.TestClient(make_app(opened), follow_redirects=False)
    page = client.get("/").text
    assert "<h2>Who</h2>" in page
    assert "<strong>we</strong>" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    fields = hidden(page) | {"agree": "yes"}
    where = client.post("/begin", data=fields).headers["location"].removesuffix("/instructions")
    text = client.get(where).text
    assert "&lt;script&gt;1" in text
    assert "<img" not in text
    assert "\x00" not in text
    assert "{{ 7 * 7 }}" in text
    assert "&lt;b&gt;T&lt;/b&gt;" in text
    opened.store.close()


@pytest.mark.parametrize(
    "bad",
    [
        {"PROLIFIC_PID": "{{%PROLIFIC_PID%}}"},
        {"PROLIFIC_PID": "a b"},
        {"PROLIFIC_PID": "x" * 65},
        {"PROLIFIC_PID": "ok", "STUDY_ID": "<script>"},
        {"PROLIFIC_PID": "é"},
    ],
)
def test_bad_panel_parameters_are_refused_before_consent(site, bad):
    reply = site.client.get("/", params=bad)
    assert reply.status_code == 400
    assert "is not filled in" in reply.text
    fields = hidden(site.client.get("/").text) | {"agree": "yes"} | bad
    assert site.client.post("/begin", data=fields).status_code == 400
    assert site.rows("judging_raters") == []


def test_unknown_parameters_do_no_harm(site):
    assert site.client.get("/", params={"utm_source": "x", "agree": "yes"}).status_code == 200
    assert site.rows("judging_raters") == []


def test_a_forged_beginning_is_refused(site):
    fields = hidden(site.client.get("/").text) | {"agree": "yes"}
    for forged in ("", "x", fields["token"][:-1] + "A", "../../admin"):
        assert site.client.post("/begin", data=fields | {"token": forged}).status_code == 400
    other = hidden(site.client.get("/", params=PANEL).text)
    stolen = fields | {"PROLIFIC_PID": "5f0c2a77"}  # a token of nobody with somebody's id
    assert site.client.post("/begin", data=stolen).status_code == 400
    assert other["token"] != fields["token"]
    assert site.rows("judging_raters") == []


def test_an_id_can_be_required(tmp_path):
    site = Site(tmp_path, require_id=True)
    assert "lacks your participant id" in site.client.get("/").text
    assert site.client.get("/", params=PANEL).status_code == 200
    site.opened.store.close()


MISSING = (
    "/r/nobody", "/r/nobody/instructions", "/r/nobody/withdraw", "/nothing", "/admin/x", "/admin/x/agreement",
    "/admin/x/export/verdicts.csv", "/static/app.py", "/static/..%2fapp.py", "/r/%00", "/r/" + "a" * 3000,
)  # fmt: skip


@pytest.mark.parametrize("path", MISSING)
def test_what_does_not_exist_is_said_kindly(site, path):
    reply = site.client.get(path)
    assert reply.status_code == 404
    assert "<h1>" in reply.text


def test_a_link_of_ours_that_never_agreed_is_unknown(site):
    token = site.opened.keys.new_token()
    assert site.client.get(f"/r/{token}").status_code == 404
    form = {"item": "0", "revision": "0", "choice": "1"}
    form["form"] = site.opened.keys.form(site.opened.keys.rater(token), 0, 0, "forward")
    assert site.client.post(f"/r/{token}", data=form).status_code == 404
    assert site.rows() == []


FORGED = (
    {"form": "0" * 24}, {"form": ""}, {"form": "é"}, {"item": "1"}, {"revision": "1"},
    {"item": "-1"}, {"item": "x"}, {"item": "9" * 40}, {"revision": ""},
)  # fmt: skip


@pytest.mark.parametrize("change", FORGED)
def test_forged_forms_store_nothing(site, change):
    page = site.enter()
    form = hidden(site.client.get(page).text)
    if change == {"item": form["item"]}:
        change = {"item": "2"}
    reply = site.client.post(page, data=form | {"choice": "1"} | change)
    assert reply.status_code in (400, 422)
    assert site.rows() == []


def test_one_raters_form_is_no_use_to_another(site):
    one, other = site.enter(), site.enter()
    form = hidden(site.client.get(one).text) | {"choice": "1"}
    assert site.client.post(other, data=form).status_code == 422
    assert site.rows() == []


def test_sizes_types_methods_and_other_sites(site):
    page = site.enter()
    form = hidden(site.client.get(page).text) | {"choice": "1"}
    post = site.client.post
    assert post(page, data=form | {"reason": "x" * LARGEST_BODY}).status_code == 413
    assert post(page, content=(b"a" for _ in range(3))).status_code == 413  # says no length
    assert post(page, json=form).status_code == 415
    assert post(page, files={"choice": b"first"}).status_code == 415
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert post(page, data=form, headers=headers).status_code == 403
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert site.client.request(method, page).status_code == 405
    assert site.client.get(page, params={"x": "y" * 5000}).status_code == 414
    assert site.rows() == []
    garbage = post(
        page, content=b"\xff\xfe&&==", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert garbage.status_code == 400
    many = "&".join(f"a{n}=1" for n in range(50))
    flood = post(page, content=many, headers={"content-type": "application/x-www-form-urlencoded"})
    assert flood.status_code == 400
    # The longest reason of the widest signs fits.
    assert (
        post(page, data=form | {"reason": "😀" * 4000}, headers={"origin": "http://testserver"}).status_code
        == 303
    )


def test_every_page_has_its_headers_and_no_inline_script(site):
    page = site.enter()
    for path in (
        "/",
        page,
        f"{page}/instructions",
        f"{page}/withdraw",
        site.admin,
        f"{site.admin}/agreement",
        "/no",
    ):
        reply = site.client.get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["referrer-policy"] == "same-origin"
        assert "<script>" not in reply.text
        assert " style=" not in reply.text
        assert " onclick" not in reply.text
        assert not re.search(r'(src|href)="(https?:)?//(?!panel)', reply.text)
        assert re.search(r'<html lang="en">', reply.text)
        assert reply.text.count("<h1") == 1
        assert reply.text.count("<main") == 1
    for name in ("page.css", "judge.js"):
        reply = site.client.get(f"/static/{name}")
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]
    assert site.client.get("/health").text == "ok"


def test_withdrawing_asks_once_more_and_deletes(site):
    page = site.enter()
    site.answer(page, reason="secret")
    assert "delete everything" in site.client.get(f"{page}/withdraw").text
    assert site.client.post(f"{page}/withdraw", data={"sure": "no"}).headers["location"] == page
    assert len(site.rows()) == 1
    assert "Everything is deleted" in site.client.post(f"{page}/withdraw", data={"sure": "yes"}).text
    assert site.rows() == []
    assert site.client.get(page).status_code == 404
    assert "Everything is deleted" in site.client.post(f"{page}/withdraw", data={"sure": "yes"}).text


def test_a_full_study_says_so(tmp_path):
    site = Site(tmp_path, people=1, raters=1, questions=1, checks=0)
    fields = hidden(site.client.get("/").text) | {"agree": "yes"}
    page = site.enter()
    assert "no free place" in site.client.get("/").text
    assert "no free place" in site.client.post("/begin", data=fields).text
    assert len(site.rows("judging_raters")) == 1
    assert "Question 1 of 1" in site.client.get(page).text
    site.opened.store.close()


def test_who_lost_the_place_can_still_have_everything_deleted(tmp_path):
    site = Site(tmp_path, people=1, raters=1)
    page = site.enter()
    site.answer(page)
    with site.opened.store.write() as c:
        c.exec_driver_sql("UPDATE judging_raters SET seen = 0")
    site.enter()
    for path in (page, f"{page}/instructions"):
        text = site.client.get(path).text
        assert "no free place" in text
        assert f'href="{page}/withdraw"' in text
        assert ">Begin<" not in text
    assert "Everything is deleted" in site.client.post(f"{page}/withdraw", data={"sure": "yes"}).text
    assert site.rows() == []
    site.opened.store.close()


def test_a_withdrawal_that_readers_hold_up_says_so_and_is_finished_beside(site, tmp_path, monkeypatch):
    monkeypatch.setattr("populace.serve.judging.app._SHORT", 0.1)
    page = site.enter()
    site.answer(page, reason="secret words")
    other = sqlite3.connect(tmp_path / "j.sqlite", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM judging_answers").fetchall()
    text = site.client.post(f"{page}/withdraw", data={"sure": "yes"}).text
    assert "last traces in its files are overwritten once it is done" in text
    assert site.rows() == []
    assert "Their last traces" in site.client.get(site.admin).text
    other.close()
    for thread in threading.enumerate():
        if thread.name == "overwrite":
            thread.join(30)
    assert "Their last traces" not in site.client.get(site.admin).text
    assert all(b"secret words" not in path.read_bytes() for path in tmp_path.glob("j.sqlite*"))


def test_an_answer_can_be_changed_by_its_link(site):
    page = site.enter()
    site.answer(page, "first", reason="one")
    text = site.client.get(page, params={"at": "1"}).text
    assert "You are changing an answer" in text
    assert f'value="{place(text, "first")}" data-key="{place(text, "first")}" checked' in text
    reply = site.client.post(page, data=hidden(text) | {"choice": place(text, "second"), "reason": "two"})
    assert reply.headers["location"] == page
    (row,) = site.rows()
    assert "second" in row
    for odd in ("0", "99", "-1", "x", "²"):
        assert "Question 2 of 8" in site.client.get(page, params={"at": odd}).text


def test_without_ties_and_doubt_only_answers_are_offered(tmp_path):
    site = Site(tmp_path, preset="persona", people=2, raters=2, questions=3)
    page = site.enter()
    text = site.client.get(page).text
    assert "No preference" not in text
    assert "I cannot tell" not in text
    assert site.answer(page, "tie").status_code == 422
    site.opened.store.close()


def test_exports_while_raters_go_on_feed_the_bench(site, tmp_path):
    pages = [site.enter() for _ in range(8)]
    for page in pages[:5]:
        while "choice" in site.client.get(page).text:
            site.answer(page, "first")
    site.answer(pages[5], "tie")
    site.answer(pages[6], "unsure")
    text = site.client.get(f"{site.admin}/export/verdicts.csv")
    assert text.headers["content-disposition"] == 'attachment; filename="verdicts.csv"'
    frame = pl.read_csv(io.BytesIO(text.content))
    data = site.client.get(f"{site.admin}/export/verdicts.parquet").content
    (tmp_path / "people.parquet").write_bytes(data)
    assert frame.columns == pl.read_parquet(io.BytesIO(data)).columns
    pairs = pl.read_parquet(io.BytesIO(site.client.get(f"{site.admin}/export/pairs.parquet").content))
    people = read_people(tmp_path / "people.parquet")
    assert people["verdict"].value_counts().sort("verdict").rows() == [("first", 30), ("tie", 1)]
    joined = with_people(pairs, people, file="people.parquet")
    assert set(joined.filter(pl.col("by:people") != "unasked")["by:people"]) <= {"first", "tie"}
    lines = site.client.get(f"{site.admin}/export/raters.jsonl").text.strip().splitlines()
    assert len(lines) == 8
    for name in ("verdicts.xlsx", "nothing.csv", "verdicts", "../keys.csv"):
        assert site.client.get(f"{site.admin}/export/{name}").status_code == 404


def test_a_spreadsheet_runs_nothing_a_rater_wrote(site):
    page = site.enter()
    site.answer(page, reason="=HYPERLINK(1)")
    row = pl.read_csv(io.BytesIO(site.client.get(f"{site.admin}/export/verdicts.csv").content))
    assert row["reason"].to_list() == ["'=HYPERLINK(1)"]


def test_the_researchers_pages(site):
    empty = site.client.get(f"{site.admin}/agreement")
    assert "Too few verdicts yet" in empty.text
    for page in [site.enter() for _ in range(8)]:
        while "choice" in site.client.get(page).text:
            site.answer(page, "first")
    progress = site.client.get(site.admin).text
    assert "raters finished, of 12 places" in progress
    assert "Person 0 &lt;b&gt;&amp; co&lt;/b&gt;" in progress
    shown = site.client.get(f"{site.admin}/agreement").text
    assert "Share of agreement" in shown
    assert "Only 4 personas" in shown


@pytest.mark.parametrize("root", ["/judging/", "judging"])
def test_behind_a_proxy_addresses_start_with_its_path(tmp_path, root):
    site = Site(tmp_path)
    client = testclient.TestClient(make_app(site.opened, root=root), follow_redirects=False)
    text = client.get("/").text
    assert 'action="/judging/begin"' in text
    assert 'href="/judging/static/page.css' in text
    where = client.post("/begin", data=hidden(text) | {"agree": "yes"}).headers["location"]
    assert where.startswith("/judging/r/")
    site.opened.store.close()


def test_a_page_does_not_say_which_answer_is_the_first_of_the_files(site):
    """Two raters see a pair in opposite orders; but for texts, ids and hashes their pages are the same."""
    pages = []
    for _ in range(4 * 3):
        page = site.enter()
        for _ in range(8):
            text = site.client.get(page).text
            pages.append(text)
            site.answer(page)
    shown = [text for text in pages if "FIRST" in text and "answer-1" in text]
    assert {place(text, "first") for text in shown} == {"1", "2"}
    for text in shown:
        bare = re.sub(r'<div class="text".*?</div>', "", text)
        assert not re.search(r"first|second|forward|backward", re.sub(r"<script.*?</script>", "", bare), re.I)


def test_a_survey_alone_from_consent_to_export(tmp_path):
    write_material(tmp_path)
    made = make_settings({"survey": tmp_path / "survey.toml", "raters": 3, "checks": 2, "lang": "de"})
    opened = open_study(str(tmp_path / "s.sqlite"), made)
    client = testclient.TestClient(make_app(opened), follow_redirects=False)
    for turn in range(3):
        page = client.post("/begin", data=hidden(client.get("/").text) | {"agree": "yes"}).headers["location"]
        told = client.get(page).text
        assert "Answer as yourself" in told
        assert "speak for" not in told
        page = page.removesuffix("/instructions")
        while "<h1>Thank you" not in (text := client.get(page).text):
            assert 'lang="de"' in text
            labels = re.findall(r'value="(\d)" data-key="\d" required><span class="what"[^>]*>([^<]*)', text)
            wanted = re.search(r"choose “(.*?)”", text)
            choice = next(
                (n for n, label in labels if wanted and label == wanted[1]), "unsure" if turn else "1"
            )
            assert client.post(page, data=hidden(text) | {"choice": choice}).status_code == 303
    admin = f"/admin/{opened.keys.admin}"
    found = pl.read_parquet(io.BytesIO(client.get(f"{admin}/export/survey.parquet").content))
    assert found.height == 6
    assert found["option"].null_count() == 4
    assert set(found["attention"]) == {"passed"}
    assert "People answering as themselves" in client.get(admin).text
    assert client.get(f"{admin}/agreement").status_code == 200
    assert "no free place" in client.get("/").text
    opened.store.close()
