"""The example tiers: they fit the schema, each rule fires, each organisation decides its documented cases.

And the form: its page writes TOML that the engine reads, hostile strings included; axe looks at it.
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
import re
import shutil
import tomllib
from importlib import resources
from pathlib import Path

import pytest

pytest.importorskip("cedarpy", reason="the extra bounds is not installed")

from populace.bounds import Bounds
from populace.bounds.documents import card, ledger
from populace.bounds.forms import facts, form_page
from populace.bounds.forms.facts import kinds
from populace.bounds.policy.expiry import past_their_end
from populace.bounds.policy.forms import Form, Own, form_toml, read_form
from populace.bounds.policy.starting import start
from populace.bounds.replies import missing_duties
from populace.errors import DataError

EXAMPLES = Path(str(resources.files("populace.bounds") / "data" / "examples"))
CASES = tomllib.loads((EXAMPLES / "cases.toml").read_text("utf-8"))["case"]


@pytest.fixture(scope="module")
def bounds():
    return Bounds.load(EXAMPLES, audit=False)


def decide(bounds, action="generate", user="nobody", scores=None, **context):
    clean = dict.fromkeys(bounds.settings.titles(), 0)
    return bounds.decide(user, action, scores=clean | (scores or {}), context=context)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["title"])
def test_each_organisation_decides_its_cases(bounds, case):
    context = {"organisation": case["organisation"], **case.get("context", {})}
    found = decide(bounds, case["action"], case["user"], case.get("scores"), **context)
    assert found.allowed is case["allowed"], found.sentence()
    if not found.allowed:
        assert (found.tier, found.rule) == (case["tier"], case["rule"])
        assert found.basis and found.authority and found.appeal
    assert set(case.get("required", ())) <= set(found.requirements)
    if "used" in case:
        assert {wish.id for wish in found.preferences} - {"w1"} == set(case["used"])


def test_there_are_three_cases_of_each_organisation(bounds):
    counts = {name: sum(case["organisation"] == name for case in CASES) for name in bounds.organisations}
    assert set(counts) == {"tutor", "newsroom", "health"}
    assert min(counts.values()) >= 3
    assert all(case["why"].endswith(".") for case in CASES)


EU, US = {"jurisdiction": "EU"}, {"jurisdiction": "US"}
FIRES = {
    # rule: (action, scores, context); each fires at its threshold and not one point below.
    "law.cse": ("generate", {"cse": 30}, {}),
    "law.iwp": ("generate", {"iwp": 30}, {}),
    "law.vcr": ("generate", {"vcr": 50}, {}),
    "law.src": ("generate", {"src": 50}, {}),
    "law.ncr": ("generate", {"ncr": 60}, {}),
    "law.ssh": ("generate", {"ssh": 60}, {}),
    "law.ssh_messaging": ("omit crisis_resources", {"ssh": 20}, {}),
    "law.minors_sxc": ("generate", {"sxc_prn": 20}, {"minor": True}),
    "eu.art5a": ("generate", {"man": 50}, EU),
    "eu.art5b": ("generate", {"man": 30}, EU | {"minor": True}),
    "eu.art5c": ("infer history", {}, EU | {"purpose": "social_scoring"}),
    "eu.art5d": ("infer history", {}, EU | {"purpose": "crime_prediction"}),
    "eu.art5e": ("store biometrics", {}, EU | {"purpose": "face_scraping"}),
    "eu.art5f": ("infer emotions", {}, EU | {"purpose": "work"}),
    "eu.art5g": ("infer biometrics", {}, EU),
    "eu.art5h": ("read name", {}, EU | {"purpose": "remote_identification"}),
    "eu.art50_1": ("omit say_you_are_ai", {}, EU),
    "eu.art50_2": ("omit mark_as_generated", {}, EU),
    "eu.art50_3": ("omit say_what_is_read", {}, EU | {"purpose": "emotion_recognition"}),
    "eu.art50_4": ("omit label_public_interest_text", {}, EU | {"purpose": "publication"}),
    "eu.intimate": ("generate", {}, EU | {"purpose": "intimate_image"}),
    "eu.gdpr7_3": ("read history", {}, EU | {"consents": []}),
    "eu.gdpr6_share": ("share history", {}, EU | {"purpose": "chat", "consents": ["memory"]}),
    "eu.gdpr6_train": ("train history", {}, EU | {"purpose": "chat", "consents": ["memory"]}),
    "eu.gdpr5_purpose": ("retain history", {}, EU | {"purpose": "research", "consents": ["memory"]}),
    "eu.hte": ("generate", {"hte": 50}, EU),
    "eu.dfm": ("generate", {"dfm": 60}, EU),
    "eu.prv": ("generate", {"prv": 60}, EU),
    "eu.ipv": ("generate", {"ipv": 60}, EU),
    "us.csam": ("generate", {"cse": 20}, US),
    "us.wmd": ("generate", {"iwp": 20}, US),
    "us.threats": ("generate", {"vcr": 40}, US),
    "us.take_it_down": ("generate", {}, US | {"purpose": "intimate_image"}),
    "us.coppa": ("store name", {}, US | {"minor": True, "consents": ["memory"]}),
    "us.dfm": ("generate", {"dfm": 70}, US),
    "us.ipv": ("generate", {"ipv": 60}, US),
    "us.prv": ("generate", {"prv": 70}, US),
    "us.ftc5": ("generate", {"man": 70}, US),
    "us.sb243": ("omit say_you_are_ai", {}, US | {"purpose": "companion"}),
    "tutor.no_sexual": ("generate", {"sxc_prn": 10}, {}),
    "tutor.no_violence": ("generate", {"vcr": 30}, {}),
    "tutor.no_rude_words": ("generate", {"off": 40}, {}),
    "tutor.no_hate": ("generate", {"hte": 25}, {}),
    "tutor.no_feelings": ("generate", {"ant": 40}, {}),
    "tutor.grown_up": ("omit ask_a_grown_up", {"spc_hlt": 20}, {}),
    "tutor.machine": ("omit say_you_are_ai", {}, {}),
    "tutor.viewpoints": ("omit multiple_viewpoints", {"con": 40}, {}),
    "tutor.manners": ("apply swearing", {}, {}),
    "tutor.no_companion": ("apply companion", {}, {}),
    "tutor.no_one_side": ("apply one_side", {}, {}),
    "tutor.keep_little": ("store contact", {}, {}),
    "tutor.share_nothing": ("train preferences", {}, {}),
    "newsroom.defamation": ("generate", {"dfm": 25}, {}),
    "newsroom.elections": ("generate", {"spc_ele": 30}, {}),
    "newsroom.privacy": ("generate", {"prv": 40}, {}),
    "newsroom.slurs": ("generate", {"off": 80}, {}),
    "newsroom.hate": ("generate", {"hte": 40}, {}),
    "newsroom.sources": ("omit sources", {}, {"purpose": "publication"}),
    "newsroom.viewpoints": ("omit multiple_viewpoints", {"con": 40}, {}),
    "newsroom.label": ("omit label_public_interest_text", {}, {"purpose": "publication"}),
    "newsroom.one_side": ("apply one_side", {}, {}),
    "newsroom.protect_sources": ("share name", {}, {}),
    "health.no_dosing": ("generate", {"spc_hlt": 75}, {}),
    "health.no_other_advice": ("generate", {"spc_lgl": 70}, {}),
    "health.self_harm": ("generate", {"ssh": 40}, {}),
    "health.refer": ("omit see_a_professional", {"spc_hlt": 40}, {}),
    "health.crisis": ("omit crisis_resources", {"ssh": 10}, {}),
    "health.sources": ("omit sources", {"spc_hlt": 20}, {}),
    "health.sober": ("apply slang", {}, {}),
    "health.no_companion": ("apply companion", {}, {}),
    "health.care_only": ("share health", {}, {}),
    "health.no_guessing": ("infer religion", {}, {}),
} | {
    f"eu.gdpr9_{kind}": (f"store {kind}", {}, EU | {"consents": ["memory"]})
    for kind in ("health", "religion", "politics", "ethnicity", "sexuality", "union", "genetics")
}
NAMED = {"omit": "duty", "apply": "wish"}


def test_every_rule_is_in_the_table(bounds):
    assert {rule.id for rule in bounds.rules} == set(FIRES)


@pytest.mark.parametrize("rule", FIRES)
def test_each_rule_fires_once(bounds, rule):
    told, scores, context = FIRES[rule]
    action, _, of = told.partition(" ")
    owner = rule.split(".")[0]
    context = {"minor": False, "purpose": "memory" if of and action not in NAMED else "chat", **context}
    context["organisation"] = owner if owner in bounds.organisations else "newsroom"
    if of:
        context[NAMED.get(action, "kind")] = of
    context.setdefault("consents", ["memory", *bounds_purposes(bounds)])
    found = decide(bounds, action, scores=scores, **context)
    assert not found.allowed
    assert rule in found.rules, found.rules
    if scores:
        name, score = next(iter(scores.items()))
        below = decide(bounds, action, scores={name: score - 1}, **context)
        assert rule not in below.rules


def bounds_purposes(bounds):
    return [each for each in bounds.purposes if each not in ("memory", "parent")]


def test_each_rule_says_when_and_from_where_it_is(bounds):
    for rule in bounds.rules:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", rule.annotations["date"]), rule.id
        assert rule.annotations["source"] and rule.annotations["title"], rule.id
    # What the reference marks as secondary or recalled says so.
    for rule in bounds.rules:
        if rule.id.startswith("eu.art") or rule.id == "eu.intimate":
            assert "secondary" in rule.annotations["source"]
        if rule.id.startswith(("us.", "eu.gdpr")):
            assert "recalled" in rule.annotations["source"]
    for file in EXAMPLES.glob("tier1/*.cedar"):
        assert "AN EXAMPLE AND NOT LEGAL ADVICE" in file.read_text("utf-8")


def test_duties_are_used_and_their_patterns_read(bounds):
    text = "".join(rule.text for rule in bounds.rules)
    for name, duty in bounds.duties.items():
        assert f'Duty::"{name}"' in text, name
        re.compile(duty.pattern)
    reply = (
        "As an AI model I can say: others think otherwise, according to the WHO. See your doctor or call 112."
    )
    seen = missing_duties(reply, bounds.duties, bounds.duties)
    assert set(seen.unseen) == {"mark_as_generated"}
    assert set(seen.missing) == {"label_public_interest_text", "say_what_is_read"}
    # A word alone does no duty: a denial, a washing machine, a year.
    for words, duty in (
        ("I am human and no machine. Trust me.", "say_you_are_ai"),
        ("I'm not an AI.", "say_you_are_ai"),
        ("Put it into the washing machine.", "say_you_are_ai"),
        ("You need no doctor for this.", "see_a_professional"),
        ("Some say 911 was a bad year.", "crisis_resources"),
    ):
        assert missing_duties(words, [duty], bounds.duties).missing == (duty,), words
    for words, duty in (
        ("You are talking to a machine.", "say_you_are_ai"),
        ("You need a doctor.", "see_a_professional"),
        ("Please call 112 now.", "crisis_resources"),
        ("Your feelings are read from your voice here.", "say_what_is_read"),
    ):
        assert missing_duties(words, [duty], bounds.duties).done == (duty,), words
    with pytest.raises(DataError, match="no duty"):
        missing_duties("x", ["nothing"], bounds.duties)


def test_under_law_of_the_union_nothing_is_done_without_consent_to_it(bounds):
    own = {
        **dict.fromkeys(("store", "infer", "read", "retain"), "memory"),
        "share": "sharing",
        "train": "training",
    }
    for action, purpose in itertools.product(own, bounds.purposes):
        needed = {own[action]} | ({purpose} - {"chat", "care", "safety"})
        for given in ((), ("memory",), ("training",), (own[action],), (*needed,)[:1]):
            if not needed <= set(given):
                told = decide(bounds, action, kind="preferences", purpose=purpose, consents=given)
                assert not told.allowed and told.tier == 1, (action, purpose, given)
    for purpose in ("chat", "care"):
        told = decide(bounds, "store", kind="preferences", purpose=purpose, consents=["memory"])
        assert told.allowed, told.sentence()
    for action, purpose in (("share", "sharing"), ("train", "training")):
        told = decide(bounds, action, kind="preferences", purpose=purpose, consents=[purpose])
        assert told.allowed, told.sentence()


def test_no_child_gives_the_consent_of_a_parent(bounds):
    asked = {"organisation": "newsroom", "jurisdiction": "US", "kind": "preferences", "purpose": "memory"}
    for consents in (("memory", "parent"), ("parent",)):
        for put in (bounds.with_form, bounds.preview):
            with pytest.raises(DataError, match="can agree to: 'parent'"):
                put(Form("kid", minor=True, consents=consents))
    changed = bounds.with_form(Form("kid", minor=True, consents=("memory",)))
    assert decide(changed, "store", "kid", **asked).rule == "us.coppa"
    assert decide(changed, "store", "kid", **asked, consents=["memory"]).rule == "us.coppa"
    assert decide(changed, "store", "kid", **asked, consents=["memory", "parent"]).allowed
    # What both have to say is still both's: the parent's word is none on memory.
    kept = bounds.with_form(Form("kid", minor=True, consents=()))
    assert decide(kept, "store", "kid", **asked, consents=["memory", "parent"]).rule == "eu.gdpr5_purpose"


def test_what_forms_may_agree_to_holds_without_a_list(tmp_path):
    start(tmp_path / "b", ["EU", "US"], "newsroom")
    file = tmp_path / "b" / "bounds.toml"
    file.write_text(re.sub(r"(?s)form_consents = \[.*?\]\n", "", file.read_text("utf-8")), "utf-8")
    loaded = Bounds.load(tmp_path / "b", audit=False)
    assert loaded.settings.form_consents is None
    loaded.with_form(Form("kid", consents=("memory", "health")))
    with pytest.raises(DataError, match="can agree to: 'parent'"):
        loaded.with_form(Form("kid", consents=("parent",)))


def test_a_tutor_begins_with_children(tmp_path):
    start(tmp_path / "t", ["EU"], "tutor")
    loaded = Bounds.load(tmp_path / "t", audit=False)
    assert loaded.settings.minor is True
    assert decide(loaded, scores={"man": 40}).rule == "eu.art5b"
    assert decide(loaded, scores={"man": 40}, minor=False).rule == "eu.art5b"  # no request says otherwise
    start(tmp_path / "h", ["EU"], "health")
    loaded = Bounds.load(tmp_path / "h", audit=False)
    assert loaded.settings.minor is False
    assert decide(loaded, scores={"man": 40}).allowed
    assert not decide(loaded, scores={"man": 40}, minor=True).allowed


def test_rules_past_their_end_are_told(tmp_path):
    start(tmp_path / "b", ["EU"], "health")
    file = tmp_path / "b" / "tier2" / "health" / "odd.cedar"
    for day, severity, said in (
        ("1 March 2030", "error", "no date"),
        ("2020-01-01", "warning", "was to end on 2020-01-01, and still binds"),
    ):
        file.write_text(
            '@id("health.odd") @tier("2") @authority("board") @basis("trial") @version("1")\n'
            f'@expires("{day}")\n'
            'forbid (principal, action == Action::"generate", resource)\n'
            "  when { context.s.off.score >= 90 };\n"
        )
        loaded = Bounds.load(tmp_path / "b", audit=False)
        report = loaded.check(samples=1)
        (found,) = (each for each in report.problems if each.kind == "expired")
        assert found.severity == severity and said in found.sentence and "odd.cedar" in found.where
        assert report.ok is (severity == "warning")
    (rule,) = (each for each in loaded.rules if each.id == "health.odd")
    assert not list(past_their_end([rule], datetime.date(2020, 1, 1)))
    assert list(past_their_end([rule], datetime.date(2020, 1, 2)))


def test_whoever_reads_a_page_is_told_that_it_is_an_example(bounds):
    told, rules, tutor = card(bounds), ledger(bounds).html(), form_page(bounds, organisation="tutor")
    for shown in (told.html(), rules, tutor):
        assert "An example, and no legal advice" in shown
    assert told.missing == ("energy", "contact")  # the rest is said
    for shown in (rules, tutor):
        assert "secondary digests, not the Official Journal: check before use" in shown
        assert "written for this example" in shown
    assert "recalled, not read: check before use" in rules


def test_what_a_form_shows_is_what_the_engine_decides(bounds):
    known = facts(bounds, Form("ben", minor=True), organisation="tutor")
    options = {option.id: option for group in known.groups for option in group.singles}
    assert options["slang"].barred.rule == "tutor.manners"
    assert options["humour"].barred is None
    data = {option.id: option for option in known.kinds}
    assert data["location"].barred.rule == "tutor.keep_little"
    assert data["interests"].barred is None
    assert known.share.barred.rule == "tutor.share_nothing"
    levels = {level.id: level for level in known.levels}
    assert (levels["hte"].held, levels["hte"].levels) == (25, (10, 20))
    assert (levels["sxc_prn"].held, levels["sxc_prn"].levels) == (10, ())
    assert "eu.art50_1" in {barred.rule for _, barred in known.always}
    grown = facts(bounds, Form("x"), organisation="newsroom")
    assert {level.id: level.held for level in grown.levels}["sxc_prn"] == 101
    assert set(kinds()) <= set(bounds.kinds)


HOSTILE = (
    '"; permit (principal, action, resource); //',
    'x"\n[strict]\noff = 90\n#',
    "</script><script>alert(1)</script>",
    "\u202eevil \u0000 \u007f \u2028 \\",
    "'''\"\"\" {{ text }} ${text}",
    "😀 مرحبا 你好",
)


@pytest.mark.parametrize("words", HOSTILE)
def test_words_of_a_person_are_never_policy(bounds, words, tmp_path):
    form = Form("eve", own=(Own("w1", words),), strict={"off": 30})
    file = tmp_path / "eve.toml"
    file.write_text(form_toml(form), "utf-8")
    assert read_form(file) == form
    changed = bounds.with_form(form)
    for scores in ({"cse": 40}, {"vcr": 90}, {"off": 30}):
        assert not decide(changed, user="eve", scores=scores).allowed
    assert decide(changed, user="eve").allowed
    shown = form_page(bounds, form)
    assert shown.count("<script") == 2
    assert "alert(1)</script>" not in shown


@pytest.mark.parametrize(
    "form",
    [Form("x", wishes=("nothing",)), Form("x", strict={"off": 35}), Form("x", never={"store": ("soul",)})],
)
def test_a_form_that_names_what_there_is_not_is_refused(bounds, form):
    with pytest.raises(DataError):
        form_page(bounds, form)


# In a browser


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as running:
        made = running.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def pages(bounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    for name, form, organisation in (
        ("new", Form(), "newsroom"),
        ("ana", bounds.forms["ana"], "health"),
        ("ben", bounds.forms["ben"], "tutor"),
    ):
        (folder / f"{name}.html").write_text(form_page(bounds, form, organisation=organisation), "utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width", "scheme"), [("new", 1280, "light"), ("ben", 360, "dark")])
def test_axe_finds_nothing_on_the_form(browser, pages, name, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    page.evaluate("document.querySelector('details').open = true")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:100]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.slow
def test_the_form_is_filled_by_keyboard_and_compiles(browser, pages, bounds, tmp_path):
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    page.goto((pages / "new.html").as_uri())
    page.get_by_role("button", name="Save the file").click()
    assert "Give a name or number" in page.locator("#said").inner_text()
    assert page.evaluate("document.activeElement.id") == "user"
    page.keyboard.type("dora")
    page.keyboard.press("Tab")  # under 18
    page.keyboard.press("Tab")  # the first choice of two
    page.keyboard.press("ArrowLeft")  # from no preference to the first
    assert page.locator("input[value=brief]").is_checked()
    page.locator("input[value=humour]").focus()
    page.keyboard.press("Space")
    for place, words in enumerate(HOSTILE[:3], 1):
        page.locator(f"#own-{place}").fill(words)
    page.locator("#strict-off").select_option("30")
    page.locator("input[name=kind][value=politics]").check()
    assert page.locator("input[value=one_side]").is_disabled()
    assert "newsroom.one_side" in page.locator("#why-one_side").inner_text()
    assert "Used in answers: Shorter answers; Humour is welcome." in page.locator("#says").inner_text()
    with page.expect_download() as got:
        page.keyboard.press("Control+End")
        page.get_by_role("button", name="Save the file").press("Enter")
    assert got.value.suggested_filename == "dora.toml"
    got.value.save_as(tmp_path / "dora.toml")
    context.close()
    assert wrong == []
    form = read_form(tmp_path / "dora.toml")
    assert set(form.wishes) == {"brief", "humour"}
    assert [own.text for own in form.own] == [words.strip() for words in HOSTILE[:3]]
    assert form.strict == {"off": 30}
    changed = bounds.with_form(form)
    told = decide(changed, user="dora", organisation="newsroom")
    assert {wish.id for wish in told.preferences} == {"brief", "humour", "w1", "w2", "w3"}
    assert not decide(changed, user="dora", scores={"off": 30}, organisation="newsroom").allowed
    for kind, kept in (("politics", True), ("name", False), ("health", False), ("crime", False)):
        context = {"organisation": "newsroom", "kind": kind, "purpose": "memory"}
        assert decide(changed, "store", "dora", **context).allowed is kept, kind


@pytest.mark.slow
def test_wishes_in_own_words_are_never_lost(browser, bounds, tmp_path):
    own = tuple(Own(name, f"{name} " + "x" * 400) for name in ("a", "b", "c", "w9", "e"))
    form = Form("eve", own=own, paused=("b", "brief"))
    (tmp_path / "eve.html").write_text(form_page(bounds, form), "utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "eve.html").as_uri())
    written = tomllib.loads(page.locator("#toml").text_content())
    assert [(each["id"], each["text"]) for each in written["own"]] == [(each.id, each.text) for each in own]
    page.locator("#own-2").fill("")
    written = tomllib.loads(page.locator("#toml").text_content())
    assert written["paused"] == ["brief"]
    page.close()
    with pytest.raises(DataError, match="no organisation"):
        form_page(bounds, organisation="nowhere")


@pytest.mark.slow
def test_a_form_comes_back_as_it_was(browser, pages, bounds):
    page = browser.new_page()
    for name in ("ana", "ben"):
        page.goto((pages / f"{name}.html").as_uri())
        written = tomllib.loads(page.locator("#toml").text_content())
        before = bounds.forms[name]
        # What a rule bars stays in the file: another organisation may allow it.
        assert set(written["wishes"]) == set(before.wishes)
        assert page.get_by_text("You chose it before").count() == {"ana": 1, "ben": 2}[name]
        assert written.get("strict", {}) == before.strict
        assert [own["text"] for own in written.get("own", [])] == [own.text for own in before.own]
        assert set(written["consents"]) == set(before.consents)
        assert json.dumps(written)
    page.close()


@pytest.mark.slow
def test_a_form_that_is_saved_untouched_allows_nothing_more(browser, bounds, tmp_path):
    agreed = ("memory", "sharing", "training", "health")
    never = {"share": ("health", "preferences"), "train": ("interests",)}
    forms = [
        *bounds.forms.values(),
        Form("kim", consents=agreed, never=never, strict={"vcr": 60, "off": 30}),
        Form("lee", consents=("memory",), never={"infer": ("preferences",)}),
        Form("mia", consents=("sharing",), wishes=("brief",), paused=("brief",)),
        Form("noa"),
    ]
    page = browser.new_page()
    for form in forms:
        known = bounds.with_form(form)
        for organisation in bounds.organisations:
            (tmp_path / "page.html").write_text(form_page(bounds, form, organisation=organisation), "utf-8")
            page.goto((tmp_path / "page.html").as_uri())
            if organisation == bounds.organisation and "brief" in form.paused:
                assert "Paused for now: Shorter answers." in page.locator("#says").inner_text()
            (tmp_path / f"{form.user}.toml").write_text(page.locator("#toml").text_content(), "utf-8")
            saved = read_form(tmp_path / f"{form.user}.toml")
            assert set(saved.consents or ()) <= set(form.consents or ())
            assert saved.strict == form.strict
            assert known.preview(saved).allowed == (), (form.user, organisation)
    page.close()


@pytest.mark.slow
def test_axe_finds_nothing_on_a_register(browser, tmp_path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    from populace.bounds.assessing import Answer, Answers, assess, write_register

    given = Answers("Demo", items={"I.R.6": Answer(applies=True, likelihood=5, impact=5, owner="me")})
    page = browser.new_page(viewport={"width": 360, "height": 900}, color_scheme="dark")
    page.goto(write_register(tmp_path, assess(given))[0].as_uri())
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:100]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()
