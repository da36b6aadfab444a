"""The judging pages in a real browser: two raters at once, a server killed again and again, keys, axe.

Needs playwright and a Chromium that is installed already (`CHROMIUM` names it, or it is found on the path).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from judge_material import options, write_material

pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import Error, sync_playwright

from populace.serve.judging import results
from populace.serve.judging.opening import open_study
from populace.serve.judging.settings import make_settings

pytestmark = pytest.mark.slow

_COUNT = "() => document.querySelector('.count')?.innerText || 'done'"


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        )
        yield made
        made.close()


class Server:
    """The command line's own server, which can be killed."""

    def __init__(self, store):
        self.store = store
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        code = "from populace.cli.judge import app; app()"
        given = ["serve", "--store", str(self.store), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *given], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the server does not come up")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def begin(folder, **more):
    """Begin a study there and serve it; gives what was opened and the server."""
    write_material(folder)
    given = options(folder, survey=folder / "survey.toml", completion_code="CODE7", **more)
    opened = open_study(str(folder / "j.sqlite"), make_settings(given))
    server = Server(folder / "j.sqlite")
    server.start()
    return opened, server


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    opened, server = begin(tmp_path_factory.mktemp("served"), raters=20, contact="study@example.org")
    yield opened, server
    server.kill()
    opened.store.close()


class Person:
    """Somebody at a browser who remembers what they sent."""

    def __init__(self, browser, url, **context):
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.sent = {}
        self.turn = 0
        self.page.goto(url)

    def begin(self):
        self.page.get_by_role("button", name="I agree and take part").click()
        self.page.get_by_role("link", name="Begin").click()
        self.link = self.page.url
        self.token = self.link.rsplit("/", 1)[1]

    def count(self):
        return self.page.evaluate(_COUNT)

    @property
    def done(self):
        return self.page.get_by_role("heading", name="Thank you").count() == 1

    def press(self):
        """Choose by key and send by key; does not wait for what comes of it."""
        self.page.locator("#keys:not([hidden])").wait_for()
        self.turn += 1
        self.page.keyboard.press("12"[self.turn % 2])
        item = self.page.locator("input[name=item]").get_attribute("value")
        chosen = self.page.locator(".answer:has(:checked) .text, .scale .pick:has(:checked) .what")
        self.sent[int(item)] = chosen.inner_text()
        before = self.count()
        self.page.keyboard.press("Enter")
        return before

    def wait(self, before):
        """Wait for what comes next; loads the page again where the browser says that the server is gone."""
        for _ in range(600):
            try:
                if self.page.url.startswith("chrome-error"):
                    self.page.goto(self.link)
                elif self.count() != before:
                    return
            except Error:  # between two pages, or the server is still away
                pass
            self.page.wait_for_timeout(100)
        raise AssertionError("nothing came next")


def stored(opened, token):
    """Give what is stored of a rater: the text that was chosen of each item."""
    with opened.store.read() as c:
        rater = opened.keys.rater(token)
        rows = c.exec_driver_sql(
            "SELECT a.item_id, a.said, i.options FROM judging_answers a JOIN judging_items i "
            "ON a.item_id = i.item_id WHERE a.rater = ?",
            (rater,),
        ).fetchall()
    number = {"first": 0, "second": 1}
    return {
        item: json.loads(texts)[number[said] if said in number else int(said)] for item, said, texts in rows
    }


def test_two_raters_at_once_and_a_server_killed_between_lose_nothing(tmp_path, browser):
    opened, server = begin(tmp_path, raters=2)
    people = [Person(browser, f"{server.url}/?PROLIFIC_PID=pid{n}", bypass_csp=True) for n in range(2)]
    for person in people:
        person.begin()
    one, other = people
    for step in range(30):
        if one.done and other.done:
            break
        if step in (2, 5, 7):
            # One sends and the server dies in the same breath; the other sends to a dead server.
            first = one.press()
            server.kill()
            second = other.press()
            other.page.get_by_text("Not sent yet").wait_for()
            assert one.sent.items() >= stored(opened, one.token).items()
            server.start()
            one.wait(first)
            other.wait(second)
            continue
        waiting = [(person, person.press()) for person in people if not person.done]
        for person, before in waiting:
            person.wait(before)
        for person in people:
            assert stored(opened, person.token) == person.sent
    for person in people:
        assert person.done
        assert len(person.sent) == 10
        assert stored(opened, person.token) == person.sent
        assert person.page.get_by_text("CODE7").count() == 1
    personas = results.raters(opened)["persona_id"].to_list()
    assert len(set(personas)) == 2
    server.kill()
    opened.store.close()


def test_a_tab_closed_is_taken_up_by_the_same_link(served, browser):
    _, server = served
    link = f"{server.url}/?PROLIFIC_PID=pid9"
    person = Person(browser, link, bypass_csp=True)
    person.begin()
    person.wait(person.press())
    where = person.count()
    person.context.close()
    again = Person(browser, link, bypass_csp=True)
    assert again.count() == where


def test_without_javascript_everything_works(served, browser):
    opened, server = served
    person = Person(browser, f"{server.url}/", java_script_enabled=False)
    person.page.get_by_role("button", name="I agree and take part").click()
    person.page.get_by_role("link", name="Begin").click()
    for _ in range(10):
        person.page.get_by_role("radio").first.check()
        person.page.get_by_role("button", name="Send and go on").click()
    assert person.done
    rater = opened.keys.rater(person.page.url.rsplit("/", 1)[1])
    assert results.raters(opened).filter(rater=rater)["complete"].to_list() == [True]


def test_keys_tab_order_and_the_switch(served, browser):
    opened, server = served
    person = Person(browser, f"{server.url}/")
    page = person.page
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    names = []
    for _ in range(2):
        page.keyboard.press("Tab")
        names.append(page.evaluate("() => document.activeElement.innerText"))
    assert names == ["I agree and take part", "I do not take part"]
    person.begin()
    for _ in range(2):  # the survey
        waiting = person.press()
        page.locator(f".count:not(:text('{waiting}'))").wait_for()
    page.get_by_role("heading", name="The person you speak for").wait_for()
    picked = "() => document.querySelector('input[name=choice]:checked')?.value || null"
    for key, value in (("=", "tie"), ("0", "unsure"), ("1", "1"), ("2", "2")):
        page.keyboard.press(key)
        assert page.evaluate(picked) == value
    ring = page.evaluate(
        "() => getComputedStyle(document.querySelector('.pick:has(input:focus-visible)')).outlineStyle"
    )
    assert ring == "solid"
    # Typing a reason chooses nothing and sends nothing.
    before = page.evaluate(picked)
    page.locator("#reason").focus()
    page.keyboard.type("1 = 0\n2")
    assert page.evaluate(picked) == before
    assert page.locator("#reason").input_value() == "1 = 0\n2"
    # A reload keeps the half-written reason.
    page.reload()
    assert page.locator("#reason").input_value() == "1 = 0\n2"
    page.get_by_role("button", name="Keys on").click()
    page.locator("h1").click()
    page.keyboard.press("1")
    assert page.evaluate(picked) is None
    page.get_by_role("button", name="Keys off").click()
    page.locator("h1").click()
    page.keyboard.press("2")
    page.locator("#reason").focus()
    page.keyboard.press("Control+Enter")
    page.get_by_text("Question 4 of 10").wait_for()
    rater = opened.keys.rater(person.token)
    assert results.verdicts(opened).filter(rater=rater)["reason"].to_list() == ["1 = 0\n2"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_on_any_page(served, browser, width, scheme):
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    opened, server = served
    person = Person(
        browser,
        f"{server.url}/",
        viewport={"width": width, "height": 850},
        color_scheme=scheme,
        bypass_csp=True,
    )
    page, found, seen = person.page, [], []

    def check(name):
        seen.append(name)
        for each in axe_module.Axe().run(page).response["violations"]:
            found.append((name, each["id"], [node["html"][:120] for node in each["nodes"][:3]]))
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= width, (name, wide)

    check("consent")
    person.page.get_by_role("button", name="I agree").click()
    check("instructions")
    page.get_by_role("link", name="Begin").click()
    while not person.done:
        kind = "survey" if page.locator(".scale").count() else "pair"
        if kind not in seen:
            page.get_by_role("radio").first.check()
            check(kind)
        person.wait(person.press())
    check("done")
    page.get_by_role("link", name="Stop and delete").click()
    check("withdraw")
    for name in ("", "/agreement"):
        page.goto(f"{server.url}/admin/{opened.keys.admin}{name}")
        check(f"admin{name}")
    page.goto(f"{server.url}/r/nobody")
    check("unknown")
    assert len(seen) == 9
    assert found == []
