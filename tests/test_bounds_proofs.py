"""Proofs: the search against lists of all situations, random overlays against the engine, what is said."""

from __future__ import annotations

import itertools
import json
import os

import msgspec
import pytest

pytest.importorskip("cedarpy", reason="the extra bounds is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bounds_folders import CLINIC, DUTIES, SETTINGS, TIER1, folder
from populace.bounds import Bounds
from populace.bounds.policy.base import permits
from populace.bounds.policy.differences import differences, widened
from populace.bounds.policy.engine import ask_whole
from populace.bounds.policy.forms import Form, Own, form_toml
from populace.bounds.policy.reader import OTHER
from populace.bounds.policy.sampling import sample
from populace.bounds.policy.schema import ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.situation import Situation
from populace.bounds.policy.space import Formula, Space, as_tree
from populace.bounds.policy.words import boxes, sentence
from populace.cli import app
from populace.errors import DataError

HEAD = '@id("{}") @tier("2") @authority("clinic") @basis("b") @version("1")\n'
RUN = CliRunner()


def load(path) -> Bounds:
    return Bounds.load(path, audit=False)


def overlay(*conditions: str, action: str = "generate") -> str:
    rules = [
        HEAD.format(f"x.{place}")
        + f'forbid (principal, action == Action::"{action}", resource) when {{ {each} }};'
        for place, each in enumerate(conditions)
    ]
    return "\n".join(rules)


# Conditions of the part of Cedar that rules are written in.
ATOMS = st.one_of(
    st.tuples(
        st.sampled_from(["cse", "sxc_prn", "man"]),
        st.sampled_from([">=", ">", "<", "<=", "==", "!="]),
        st.integers(0, 100),
        st.booleans(),
    ).map(
        lambda a: f"{a[2]} {a[1]} context.s.{a[0]}.score" if a[3] else f"context.s.{a[0]}.score {a[1]} {a[2]}"
    ),
    st.sampled_from(
        [
            "context.minor",
            "context.minor == false",
            'context.law.contains("EU")',
            'context.law.containsAny(["EU", "US"])',
            'context.law.containsAll(["EU", "US"])',
            'context.purpose == "research"',
            '["chat", "memory"].contains(context.purpose)',
            "context.consents.contains(context.purpose)",
            'context.consents.contains("memory")',
            'context.org == Org::"clinic"',
            'context.org in [Org::"clinic"]',
            'principal in Org::"clinic"',
            "resource is Reply",
        ]
    ),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda a: f"({a[0]} {a[1]} {a[2]})"),
        inner.map(lambda a: f"!({a})"),
        st.tuples(inner, inner, inner).map(lambda a: f"(if {a[0]} then {a[1]} else {a[2]})"),
    ),
    max_leaves=5,
)
QUICK = settings(
    max_examples=200 if os.environ.get("POPULACE_CHAOS") == "full" else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Bounds:
    return load(folder(tmp_path_factory.mktemp("bare"), tier2={"clinic": "// none\n"}))


def every(space: Space) -> list[dict]:
    names = list(space.domains)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*space.domains.values())]


@QUICK
@given(st.lists(CONDITIONS, min_size=1, max_size=3), CONDITIONS)
def test_the_search_finds_what_a_list_of_all_situations_finds(tmp_path, quiet, fire) -> None:
    bounds = load(folder(tmp_path, tier2={"clinic": overlay(fire, *quiet)}))
    bundle = bounds.bundle()
    trees = [as_tree(bundle.by_id[f"x.{place}"]) for place in range(len(quiet) + 1)]
    space = Space(bundle, trees, "generate")
    first, *rest = map(Formula, trees)
    found = Search(space).find([first], rest)
    naive = [
        cell
        for cell in every(space)
        if space.holds(first, cell) and not any(space.holds(each, cell) for each in rest)
    ]
    assert (found is None) == (not naive)
    if found is not None:
        assert space.holds(first, found) and not any(space.holds(each, found) for each in rest)
    # The cells of a rule, counted as situations, are those in which it holds.
    cells = space.cells(first)
    assert sum(
        all(cell.get(name) == value for name, value in held.items())
        for held in cells
        for cell in every(space)
    ) == sum(bool(space.holds(first, cell)) for cell in every(space))


@QUICK
@given(
    CONDITIONS,
    st.lists(st.integers(0, 100), min_size=3, max_size=3),
    st.booleans(),
    st.sets(st.sampled_from(["EU", "US"])),
)
def test_the_evaluator_of_proofs_reads_a_rule_as_the_engine_does(
    tmp_path, condition, scores, minor, laws
) -> None:
    bounds = load(
        folder(
            tmp_path,
            tier1=overlay(condition).replace('"2"', '"1"', 1),
            tier2={"clinic": "// none\n"},
            settings=SETTINGS.replace('jurisdictions = ["EU"]', ""),
        )
    )
    person = bounds.person("ana")
    given_scores = dict(zip(("cse", "sxc_prn", "man"), scores, strict=True))
    situation = Situation(
        "ana", "generate", "clinic", tuple(sorted(laws)), minor, "chat", ("memory",), ("Reply", "reply")
    )
    answer = ask_whole(person, situation, "generate", ("Reply", "reply"), given_scores)
    assert not answer.errors
    tree = as_tree(bounds.rules[0])
    space = Space(person.bundle, [tree], "generate")
    cell = {("minor",): minor, ("purpose",): "chat" if "chat" in space.domains["purpose",] else OTHER}
    for name, values in space.domains.items():
        if name[0] == "s":
            cell[name] = max(value for value in values if value <= given_scores[name[1]])
        elif name[0] in ("law", "consents"):
            cell[name] = name[1] in (laws if name[0] == "law" else {"memory"})
    assert space.holds(Formula(tree), cell) is (not answer.allowed)


@QUICK
@given(st.lists(CONDITIONS, min_size=1, max_size=4), st.data())
def test_no_overlay_widens(bare, tmp_path, conditions, data) -> None:
    bounds = load(folder(tmp_path, tier2={"clinic": overlay(*conditions)}))
    assert widened(bare.bundle(), bounds.bundle(), "generate") is None
    user = bounds.with_form(Form("ana", strict={"man": data.draw(st.sampled_from(range(10, 100, 10)))}))
    for _ in range(5):
        scores = {name: data.draw(st.integers(0, 100)) for name in ("cse", "sxc_prn", "man", "spc_hlt")}
        context = {
            "minor": data.draw(st.booleans()),
            "jurisdiction": data.draw(st.sampled_from(["EU", "US", "BR"])),
        }
        told = [each.decide("ana", scores=scores, context=context) for each in (bare, bounds, user)]
        assert told[0].allowed >= told[1].allowed >= told[2].allowed
        assert not any(each.errors for each in told)


def test_random_situations_of_all_actions(tmp_path) -> None:
    found = sample(load(folder(tmp_path)).policies, "clinic", 400)
    assert (found.asked, found.widened, found.errors, found.apart) == (400, 0, 0, 0)
    assert found.narrowed > 20  # the test can see a tier at work


def test_a_widening_is_found(tmp_path) -> None:
    old = load(folder(tmp_path / "old"))
    new = load(folder(tmp_path / "new", tier1=TIER1.replace("cse.score >= 50", "cse.score >= 60")))
    cell = widened(old.bundle(), new.bundle(), "generate")
    assert cell is not None and cell["s", "cse"] == 50
    assert widened(new.bundle(), old.bundle(), "generate") is None
    assert widened(old.bundle(), new.bundle(), "store") is None


def stores(*conditions: str) -> str:
    return overlay(*conditions, action="store")


def test_a_set_that_is_asked_for_the_kind_of_data(tmp_path) -> None:
    rule = stores("!context.consents.contains(resource.kind)")
    bounds = load(folder(tmp_path, tier2={"clinic": rule}))
    assert bounds.check(samples=100).ok
    found = differences(bounds, load(folder(tmp_path / "b", tier2={"clinic": stores("context.minor")})))
    assert found.widens


def test_a_set_that_is_asked_for_an_open_word_is_no_case_of_its_own(tmp_path) -> None:
    # Together these forbid every purpose: one without consent, any but memory, and memory with consent.
    three = ("!context.consents.contains(context.purpose)", 'context.purpose != "memory"')
    rules = stores(*three, 'context.consents.contains("memory")')
    old = load(folder(tmp_path / "old", tier2={"clinic": rules + stores("true").replace("x.0", "d")}))
    new = load(folder(tmp_path / "new", tier2={"clinic": rules}))
    assert not differences(old, new).widens
    assert any(each.rules[:1] == ("d",) for each in old.check(samples=0).problems)


def test_a_rule_dead_where_a_law_always_applies_is_noted(tmp_path) -> None:
    rules = overlay('!context.law.contains("EU") && context.s.man.score >= 5', "context.s.man.score >= 90")
    report = load(folder(tmp_path, tier2={"clinic": rules})).check(samples=0)
    (told,) = (each for each in report.problems if each.rules[:1] == ("x.0",))
    assert told.severity == "note"
    assert told.sentence == "x.0 has no effect here, where EU always applies: its condition cannot hold."


def test_a_search_that_takes_too_long_claims_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("populace.bounds.policy.search.MOST", 3)
    with pytest.raises(DataError, match="not decided"):
        load(folder(tmp_path)).check(samples=0)


def test_a_deployment_without_an_organisation_of_its_own_is_proved_too(tmp_path) -> None:
    settings_ = SETTINGS.replace('organisation = "clinic"\n', "")
    report = load(folder(tmp_path, settings=settings_)).check(samples=20)
    assert report.ok and set(report.organisations) == {"clinic", "none"}


def test_words_that_only_an_organisation_writes_are_no_widening_but_told(tmp_path) -> None:
    rule = stores('resource.kind == "subscription" && context.minor', 'context.purpose == "advertizing"')
    report = load(folder(tmp_path, tier2={"clinic": rule})).check(samples=200)
    assert report.ok
    said = [each.sentence for each in report.problems if each.kind == "unknown word"]
    assert [each.split()[:2] for each in said] == [["x.0", "names"], ["x.1", "names"]]


def test_a_folder_without_duties_and_wishes_is_checked(tmp_path) -> None:
    (tmp_path / "tier1").mkdir()
    (tmp_path / "bounds.toml").write_text('appeal = "x"\n')
    (tmp_path / "tier1/a.cedar").write_text(overlay("context.s.cse.score >= 50").replace('"2"', '"1"'))
    bounds = load(tmp_path)
    assert bounds.check(samples=60).ok and bounds.decide("z", scores={"cse": 0}).allowed


def test_a_rule_of_the_provider_about_its_own_users_is_dead(tmp_path) -> None:
    lab = CLINIC.replace("clinic", "lab").replace('principal in Org::"lab", ', "principal, ")
    lab = lab.replace(
        "context.s.sxc_prn.score >= 50", 'context.org == Org::"lab" && context.s.sxc_prn.score >= 5'
    )
    lab = lab.replace('"refer"', '"say_ai"').replace('"slang"', '"view"')
    both = {"clinic": CLINIC, "lab": lab}
    told = load(folder(tmp_path, tier2=both, settings=SETTINGS + 'provider = "lab"\n')).check(samples=0)
    assert "lab.sxc never fires: its condition cannot hold." in [each.sentence for each in told.problems]


# Check ---------------------------------------------------------------------------------------------------


def test_a_deployment_in_order(tmp_path) -> None:
    report = load(folder(tmp_path)).check(samples=50)
    assert report.ok and report.exit_code == 0 and len(report.proofs) == 7
    assert [each.sentence for each in report.problems] == [
        "The wish own_view gives way to the duty refer (clinic.refer, tier 2, clinic)"
        " when Specialised advice: health scores 40 or more."
    ]


@pytest.mark.parametrize("defect", ["base", "twins", "permit", "tier 2", "template"])
def test_a_defect_of_ours_is_found(tmp_path, monkeypatch, defect) -> None:
    bounds = load(folder(tmp_path))
    bundle = bounds.bundle()
    if defect == "base":  # a permit that forgot a clause
        bundle.permits["generate"]["conditions"][1]["body"] = as_tree(bundle.by_id["law.minors"])
    elif defect == "twins":  # a clause without a rule of its own
        bundle.rules = tuple(rule for rule in bundle.rules if rule.id != "law.cse")
    elif defect == "tier 2":  # a law that was left out on the way to the engine
        bundle.rules = tuple(rule for rule in bundle.rules if rule.id != "law.cse")
        bundle.permits.update(permits(bundle.rules, bundle.members))
    elif defect == "permit":  # an overlay that permits
        law = bundle.by_id["law.cse"]
        permit = {**law.tree, "effect": "permit", "conditions": []}
        evil = msgspec.structs.replace(law, id="evil", tier=2, tree=permit)
        bundle.rules = (*bundle.rules, evil)
        bundle.by_id["evil"] = evil
    else:
        real = __import__("populace.bounds.policy.proofs", fromlist=["template"]).template
        monkeypatch.setattr(
            "populace.bounds.policy.proofs.template", lambda name: real(name) | {"principal": {"op": "All"}}
        )
    report = bounds.check(samples=0)
    assert report.exit_code == 1 and any(each.against for each in report.proofs)
    if defect in ("permit", "tier 2"):
        (told,) = (each for each in report.proofs if each.claim == "what tiers 1 and 2 allow, tier 1 allows")
        wrong = {"permit": "evil permits, and only the base may"}
        assert told.against == f"generate: {wrong.get(defect, 'tier 2 allows what tier 1 forbids')}"


def test_rules_without_effect_are_named_with_the_reason(tmp_path) -> None:
    text = overlay(
        "context.s.cse.score >= 60",
        "context.s.man.score > 40 && context.s.man.score < 30",
        "context.s.man.score >= 70",
        "context.s.man.score >= 80 && context.minor",
    )
    told = {
        each.rules[0]: each
        for each in load(folder(tmp_path, tier2={"clinic": text})).check(samples=0).problems
        if each.rules
    }
    assert told["x.0"].sentence == (
        "x.0 has no effect: whenever it fires, tier 1 forbids the same already (law.cse);"
        " its 60 for Child sexual exploitation is looser than the 50 of law.cse."
    )
    assert told["x.1"].sentence == "x.1 never fires: its condition cannot hold."
    assert "x.2" not in told
    assert told["x.3"].sentence.startswith(
        "x.3 has no effect: whenever it fires, tier 2 forbids the same already (x.2)"
    )
    misspelt = load(folder(tmp_path / "b", tier2={"clinic": CLINIC.replace('"slang"', '"slagn"')}))
    said = [each.sentence for each in misspelt.check(samples=0).problems]
    assert "clinic.slang names the topic slagn, which no wish has." in said
    assert told["x.3"].where == "tier2/clinic/r.cedar:7"


def test_duties_that_clash_are_errors_in_one_tier_and_warnings_across(tmp_path) -> None:
    duties = DUTIES.replace('id = "refer"', 'id = "refer"\nclashes = ["say_ai"]')
    across = load(folder(tmp_path / "a", duties=duties)).check(samples=0)
    (told,) = (each for each in across.problems if "cannot both" in each.sentence)
    assert told.severity == "warning" and across.ok
    assert told.sentence == (
        "The duties refer (clinic.refer, clinic) and say_ai (law.ai, EU) cannot both be met when Specialised"
        " advice: health scores 40 or more and it is in EU; say_ai wins, as its tier is higher."
    )
    rival = CLINIC.replace("clinic", "lab").replace('"refer"', '"say_ai"')
    both = {"clinic": CLINIC, "lab": rival}
    same = load(
        folder(tmp_path / "b", duties=duties, tier2=both, settings=SETTINGS + 'provider = "lab"\n')
    ).check(samples=0)
    assert not same.ok and any(
        "clinic.refer, clinic) and say_ai (lab.refer, lab)" in each.sentence for each in same.problems
    )


def test_a_rule_and_a_box_in_words(tmp_path) -> None:
    bounds = load(folder(tmp_path))
    said = {rule.id: sentence(rule, bounds.settings.titles()) for rule in bounds.rules}
    assert (
        said["law.ai"]
        == "The duty say_ai is required when it is in EU (law.ai, tier 1, EU: AI Act Art. 50(1))."
    )
    assert said["clinic.sxc"] == (
        "A reply is forbidden when Sexual content scores 50 or more (clinic.sxc, tier 2, clinic: house rule)."
    )
    assert said["law.special"].startswith(
        "Storing data or inferring data is forbidden when the kind of data is health"
        " and the user has not agreed to the purpose"
    )
    assert boxes([{("minor",): True}, {("minor",): False}], {("minor",): (False, True)}) == [{}]


# Differences and previews ----------------------------------------------------------------------------------


def test_what_changed_is_said_by_whom_and_for_whom(tmp_path) -> None:
    old = load(folder(tmp_path / "old"))
    tier1 = TIER1.replace("cse.score >= 50", "cse.score >= 30")
    clinic = CLINIC.replace("sxc_prn.score >= 50", "sxc_prn.score >= 70").replace('"slang"', '"view"')
    clinic = clinic.replace("spc_hlt.score >= 40", "spc_hlt.score >= 40 && context.minor").replace(
        "duty of care", "care"
    )
    new = load(
        folder(
            tmp_path / "new",
            tier1=tier1,
            tier2={"clinic": clinic},
            settings=SETTINGS.replace("write", "mail"),
        )
    )
    found = differences(old, new)
    assert found.widens
    assert str(found).splitlines() == [
        "No longer required: the duty refer when Specialised advice: health scores 40 or more and the user is"
        " of age, by clinic (clinic.refer, tier 2).",
        "Now allowed: a reply when Sexual content scores 50 to 69 and the user is of age, where"
        " nothing else forbids it; until now forbidden by clinic (clinic.sxc, tier 2).",
        "Now allowed: using the wish slang, where nothing else forbids it; until now forbidden by clinic"
        " (clinic.slang, tier 2).",
        "Now forbidden: a reply when Child sexual exploitation scores 30 to 49, by law (law.cse, tier 1).",
        "Now forbidden: using the wish own_view, by clinic (clinic.slang, tier 2).",
        "bounds.toml: appeal was 'write to us' and is 'mail to us'.",
        "The rule clinic.refer says another basis: 'care', where 'duty of care' stood.",
    ]
    assert str(differences(old, old)) == "Nothing changed."


def test_a_change_that_another_rule_hides_is_none(tmp_path) -> None:
    old = load(folder(tmp_path / "old", tier2={"clinic": overlay("context.s.cse.score >= 60")}))
    new = load(folder(tmp_path / "new", tier2={"clinic": overlay("context.s.cse.score >= 70")}))
    assert str(differences(old, new)) == "Nothing changed."


def test_what_a_form_would_change(tmp_path) -> None:
    bounds = load(folder(tmp_path, forms={"ana": 'wishes = ["brief"]\n[strict]\nman = 30\n'}))
    form = Form(
        "ana", wishes=("slang", "own_view"), own=(Own("w1", "Call me A."),), strict={"cse": 60, "sxc_prn": 20}
    )
    told = bounds.preview(form)
    assert told.allowed == (
        "the wish own_view (Say what you think.) is used",
        "the wish w1 (Call me A.) is used",
        "replies in which Manipulation scores 30 or more, as far as other rules allow",
    )
    assert told.forbidden == (
        "the wish brief (Keep it short.) is not used any more",
        "replies in which Sexual content scores 20 or more",
    )
    assert told.without_effect == (
        "the wish slang (Use slang.) is not used: clinic forbids it (style guide)",
        "replies in which Child sexual exploitation scores 60 or more: law forbids them already",
    )
    more = bounds.preview(
        Form("ana", wishes=("brief",), strict={"man": 30}, consents=("memory",), never={"read": ("name",)})
    )
    assert more.allowed == ("storing data on health, for memory", "inferring data on health, for memory")
    assert more.forbidden == ("reading data on name, for memory",)
    assert str(bounds.preview(bounds.forms["ana"])) == "Nothing would change."


def test_a_preview_tells_what_no_longer_being_a_minor_allows(tmp_path) -> None:
    bounds = load(folder(tmp_path, forms={"ana": "minor = true\n"}))
    told = bounds.preview(Form("ana"))
    assert len(told.allowed) == 1 and "law.minors" in told.allowed[0]
    back = load(folder(tmp_path / "b")).preview(Form("ana", minor=True))
    assert len(back.forbidden) == 1 and "law.minors" in back.forbidden[0]


def test_a_preview_tells_that_a_duty_sets_a_wish_aside(tmp_path) -> None:
    duties = DUTIES.replace('text = "Say that you are an AI."', 'text = "x"\nexcludes = ["own_view"]')
    told = load(folder(tmp_path, duties=duties)).preview(Form("ana", wishes=("own_view",)))
    assert told.allowed == () and "gives way to the duty say_ai of tier 1 (law.ai)" in told.without_effect[0]


# The commands ----------------------------------------------------------------------------------------------


def test_the_commands_from_an_example_to_a_decision(tmp_path) -> None:
    place = tmp_path / "mine"
    made = RUN.invoke(
        app, ["bounds", "init", str(place), "--law", "EU", "--law", "us", "--organisation", "tutor"]
    )
    assert made.exit_code == 0, made.output
    assert sorted(each.name for each in (place / "tier1").iterdir()) == [
        "common.cedar",
        "eu.cedar",
        "us.cedar",
    ]
    again = RUN.invoke(app, ["bounds", "init", str(place)])
    assert again.exit_code != 0 and "something already" in str(again.exception)
    assert RUN.invoke(app, ["bounds", "init", str(tmp_path / "x"), "--law", "FR"]).exit_code != 0
    assert not (tmp_path / "x").exists() and len(list(tmp_path.iterdir())) == 1
    checked = RUN.invoke(app, ["bounds", "check", str(place), "--samples", "20", "--json"])
    assert checked.exit_code == 0 and json.loads(checked.output)["ok"]
    common = ["bounds", "decide", str(place), "--user", "ana", "--clean", "--adult"]
    fine = RUN.invoke(app, common)
    assert fine.exit_code == 0 and "ALLOWED" in fine.output
    told = RUN.invoke(app, [*common, "--score", "cse=90", "--json"])
    assert told.exit_code == 1 and json.loads(told.output)["rule"] == "law.cse"
    assert json.loads((place / "audit/chain.jsonl").read_text().splitlines()[-1])["rule"] == "law.cse"
    assert RUN.invoke(app, [*common, "--score", "cse=high"]).exit_code != 0


def test_the_commands_of_changes(tmp_path) -> None:
    old, new = folder(tmp_path / "old"), folder(tmp_path / "new", tier1=TIER1.replace(">= 50", ">= 60", 1))
    told = RUN.invoke(app, ["bounds", "diff", str(old), str(new)])
    assert told.exit_code == 0 and told.output.startswith(
        "Now allowed: a reply when Child sexual exploitation scores 50 to 59"
    )
    assert RUN.invoke(app, ["bounds", "diff", str(old), str(new), "--fail-if-wider"]).exit_code == 1
    assert RUN.invoke(app, ["bounds", "diff", str(new), str(old), "--fail-if-wider", "--json"]).exit_code == 0
    (tmp_path / "form.toml").write_text(form_toml(Form("ana", wishes=("brief",))))
    told = RUN.invoke(app, ["bounds", "preview", str(old), str(tmp_path / "form.toml")])
    assert told.output == "Allowed: the wish brief (Keep it short.) is used\n"
    folder(
        tmp_path / "bad", tier2={"clinic": CLINIC.replace('"slang"', '"slang').replace("forbid", "permit", 1)}
    )
    assert RUN.invoke(app, ["bounds", "check", str(tmp_path / "bad")]).exit_code != 0
    dead = folder(tmp_path / "dead", tier2={"clinic": overlay("context.s.cse.score >= 60")})
    assert RUN.invoke(app, ["bounds", "check", str(dead), "--samples", "0"]).exit_code == 0
    assert RUN.invoke(app, ["bounds", "check", str(dead), "--samples", "0", "--strict"]).exit_code == 1


def test_every_action_has_its_space(tmp_path) -> None:
    bundle = load(folder(tmp_path)).bundle()
    for action in ACTIONS:
        space = Space(bundle, [as_tree(rule) for rule in bundle.rules if action in rule.actions], action)
        assert space.size >= 2
