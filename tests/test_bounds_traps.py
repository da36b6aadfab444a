"""Every trap of the engine fails closed here; each test shows that the engine alone fails open."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("cedarpy", reason="the extra bounds is not installed")

import cedarpy

from bounds_folders import CLINIC, SETTINGS, TIER1, folder
from populace.bounds import Bounds
from populace.bounds.policy.base import permits, policies
from populace.bounds.policy.bundle import Bundle, Person
from populace.bounds.policy.folder import read_folder
from populace.errors import DataError

CLEAN = {"cse": 0, "sxc_prn": 0, "man": 0, "spc_hlt": 0}
PERMISSIVE = "permit (principal, action, resource);"
FORBID = "forbid (principal, action, resource) when { context.s.cse.score >= 50 };"
WHO = {"principal": 'User::"u"', "action": 'Action::"generate"', "resource": 'Reply::"r"'}


@pytest.fixture(scope="module")
def bounds(tmp_path_factory) -> Bounds:
    return Bounds.load(folder(tmp_path_factory.mktemp("plain")), audit=False)


def bare(policy: str, context: dict[str, object], entities: list[dict[str, object]] | None = None) -> object:
    """Ask the engine as a tool without our guards would."""
    return cedarpy.is_authorized({**WHO, "context": context}, policy, entities or [])


@pytest.mark.parametrize("score", [{}, {"cse": {"score": "90"}}, {"cse": 90}])
def test_a_forbid_that_errors_fails_open_alone_and_closed_here(tmp_path, score) -> None:
    told = bare(PERMISSIVE + FORBID, {"s": score})
    assert told.allowed and told.diagnostics.errors  # the trap
    # The generated permit over the same input, without a schema: no permit is left.
    found = read_folder(folder(tmp_path))
    base = json.dumps(policies({"base.generate": permits(found.rules, ("clinic",))["generate"]}))
    linked = [
        {"uid": {"type": "User", "id": "u"}, "attrs": {}, "parents": [{"type": "Org", "id": "clinic"}]},
        {"uid": {"type": "Org", "id": "clinic"}, "attrs": {}, "parents": []},
    ]
    context = {"s": score, "law": ["EU"], "minor": False}
    both = cedarpy.PolicySet.from_json_str(base).with_added_str(FORBID)
    assert not cedarpy.is_authorized({**WHO, "context": context}, both, linked).allowed
    fine = {**context, "s": {name: {"score": 0} for name in CLEAN}}
    assert cedarpy.is_authorized({**WHO, "context": fine}, both, linked).allowed  # the base can permit


@pytest.mark.parametrize("score", ["90", 90.0, True, None, -1, 101, float("nan"), [90], {"score": 3}])
def test_a_score_of_the_wrong_kind_is_refused(bounds, score) -> None:
    assert bounds.decide("ana", scores=CLEAN).allowed
    told = bounds.decide("ana", scores=CLEAN | {"cse": score})
    assert (told.allowed, told.tier, told.rule) == (False, 1, "base.score")
    assert told.authority and told.basis and told.appeal and told.errors


def test_a_missing_score_is_refused_and_named(bounds) -> None:
    told = bounds.decide("ana", scores={"sxc_prn": 0, "spc_hlt": 0})
    assert (told.allowed, told.needed, told.rule, told.tier) == (False, ("cse",), "law.cse", 1)
    assert told.errors == ("no verdict of cse",)


def test_no_attribute_is_optional_and_the_schema_is_always_passed(bounds, monkeypatch) -> None:
    seen = []
    real = cedarpy.is_authorized

    def spy(request, held, entities, schema=None, verbose=False):
        seen.append(schema)
        return real(request, held, entities, schema, verbose)

    monkeypatch.setattr(cedarpy, "is_authorized", spy)
    bounds.decide("ana", scores=CLEAN)
    assert seen and all(schema is not None and "?" not in str(schema) for schema in seen)


def test_no_decision_is_a_refusal(tmp_path, monkeypatch) -> None:
    """A request that the schema refuses gives NoDecision: taken as no, with the reason told."""
    bounds = Bounds.load(folder(tmp_path), audit=False)
    person = bounds.person("ana")
    monkeypatch.setattr(
        type(person), "schema", lambda self, action, partial=False: cedarpy.Schema.from_str("entity Nothing;")
    )
    told = bounds.decide("ana", scores=CLEAN)
    assert not told.allowed and told.errors and told.rule == "base.generate" and told.tier == 1


@pytest.mark.parametrize("decision", ["NoDecision", "Deny"])
def test_a_silent_no_is_a_refusal(bounds, monkeypatch, decision) -> None:
    empty = cedarpy.AuthzResult({"decision": decision, "diagnostics": {"reason": [], "errors": []}})
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: empty)
    told = bounds.decide("ana", scores=CLEAN)
    assert not told.allowed and told.rule == "base.generate" and told.appeal


def test_an_allow_with_an_error_is_a_refusal(tmp_path, monkeypatch) -> None:
    """A rule of tier 2 that errs over a safe base is skipped by the engine: Allow, and an error."""
    told = bare(PERMISSIVE + FORBID, {"s": {}})
    assert told.allowed and told.diagnostics.errors
    bounds = Bounds.load(folder(tmp_path), audit=False)
    erring = cedarpy.AuthzResult(
        {
            "decision": "Allow",
            "diagnostics": {"reason": [], "errors": ["error while evaluating policy `clinic.sxc`: no"]},
        }
    )
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *_: erring)
    told = bounds.decide("ana", scores=CLEAN)
    assert (told.allowed, told.tier, told.rule, told.authority) == (False, 2, "clinic.sxc", "clinic")


def test_a_missing_parent_link_leaves_no_permit(tmp_path, monkeypatch) -> None:
    scoped = 'forbid (principal in Org::"clinic", action, resource);'
    assert bare(PERMISSIVE + scoped, {}).allowed  # the trap: no error at all
    assert not bare(PERMISSIVE + scoped, {}).diagnostics.errors
    bounds = Bounds.load(folder(tmp_path), audit=False)
    assert bounds.decide("ana", scores=CLEAN).allowed
    real = Person.entities.func

    def unlinked(self):
        members, self.bundle.members = self.bundle.members, ()
        try:
            return real(self)
        finally:
            self.bundle.members = members

    monkeypatch.setattr(Person, "entities", property(unlinked))
    fresh = Bounds.load(tmp_path, audit=False)
    fresh.bundle().entities  # noqa: B018 (made while the organisations are there)
    told = fresh.decide("ana", scores=CLEAN)
    assert not told.allowed and told.rule == "base.generate"


def test_a_permit_in_an_overlay_is_refused(tmp_path) -> None:
    told = bare("forbid (principal, action, resource) when { false };" + PERMISSIVE, {})
    assert told.allowed  # the trap: with a permit of its own an overlay allows what the base did not
    rogue = CLINIC + (
        '@id("clinic.all") @tier("2") @authority("clinic") @basis("x") @version("1")\n'
        "permit (principal, action, resource);"
    )
    with pytest.raises(DataError, match=r"clinic.all permits, and a tier only forbids") as caught:
        Bounds.load(folder(tmp_path, tier2={"clinic": rogue}))
    assert caught.value.row == 10 and caught.value.file.endswith("tier2/clinic/r.cedar")


def test_a_permit_in_tier_1_is_refused_too(tmp_path) -> None:
    rogue = (
        TIER1
        + '@id("p") @tier("1") @authority("x") @basis("x") @version("1") permit (principal,action,resource);'
    )
    with pytest.raises(DataError, match="only forbids"):
        Bounds.load(folder(tmp_path, tier1=rogue))


def test_every_clause_of_a_base_permit_has_a_twin_with_a_name(bounds) -> None:
    alone = bare(
        "permit (principal, action, resource) unless { context.s.cse.score >= 50 };",
        {"s": {"cse": {"score": 90}}},
    )
    assert not alone.allowed and not alone.diagnostics.reasons  # the trap: nobody is named
    for scores, minor, laws, rule in (
        ({"cse": 50}, False, [], "law.cse"),
        ({"sxc_prn": 20}, True, [], "law.minors"),
        ({"man": 60}, False, ["US"], "us.man"),
    ):
        told = bounds.decide("ana", scores=CLEAN | scores, context={"minor": minor, "jurisdiction": laws})
        assert (told.allowed, told.rule, told.rules) == (False, rule, (rule,))


@pytest.mark.parametrize("where", ["tier1", "tier2"])
def test_an_id_that_stands_twice_is_refused(tmp_path, where) -> None:
    twice = "forbid (principal, action, resource) when { false };"
    assert cedarpy.PolicySet.from_str(f'@id("a") {twice} @id("a") {twice}')  # the trap: the engine takes it
    again = CLINIC.replace("clinic.slang", "law.cse" if where == "tier1" else "clinic.sxc")
    with pytest.raises(DataError, match="stands twice") as caught:
        Bounds.load(folder(tmp_path, tier2={"clinic": again}))
    assert caught.value.row == 8


def test_rules_are_told_by_their_own_ids(bounds) -> None:
    told = bare('@id("named") forbid (principal, action, resource);', {})
    assert told.diagnostics.reasons == ["policy0"]  # the trap: a position
    assert bounds.decide("ana", scores=CLEAN | {"sxc_prn": 90}).rules == ("clinic.sxc",)


def test_an_absent_verdict_never_reaches_a_final_yes(bounds) -> None:
    context = {"v": {"__entity": {"type": "Verdict", "id": "cse"}}}
    policy = PERMISSIVE + "forbid (principal, action, resource) when { context.v.score >= 50 };"
    assert bare(policy, context).allowed  # the trap
    for lacking in ("cse", "sxc_prn"):
        scores = {name: score for name, score in CLEAN.items() if name != lacking}
        told = bounds.decide("ana", scores=scores, context={"minor": True})
        assert not told.allowed and lacking in told.needed


def test_a_rule_that_nothing_can_prove_is_refused(tmp_path) -> None:
    """What could overflow, and thereby be skipped, is not let in."""
    told = bare(
        PERMISSIVE + "forbid (principal, action, resource) when { context.n + 9223372036854775807 > 0 };",
        {"n": 1},
    )
    assert told.allowed and told.diagnostics.errors  # the trap
    for condition in (
        "context.s.cse.score + 1 > 50",
        "context.s.cse.score * 2 > 50",
        "context.s.cse.score > context.s.man.score",
        "context has minor && context.s.cse.score > 1",
        'context.purpose like "a*"',
        'ip("127.0.0.1").isLoopback()',
        'context.law == ["EU"]',
    ):
        rogue = (
            '\n\n@id("x") @tier("2") @authority("a") @basis("b") @version("1")\n'
            f'forbid (principal, action == Action::"generate", resource) when {{ {condition} }};'
        )
        with pytest.raises(DataError, match="outside the part of Cedar that is proved") as caught:
            Bounds.load(folder(tmp_path, tier2={"clinic": rogue}))
        assert caught.value.row == 3


def test_the_base_permit_is_held_to_the_schema(tmp_path, monkeypatch) -> None:
    found = read_folder(folder(tmp_path))
    assert Bundle(found, "clinic")
    monkeypatch.setattr(
        "populace.bounds.policy.bundle.permits",
        lambda rules, members: {
            name: {
                **tree,
                "conditions": [{"kind": "when", "body": {".": {"left": {"Var": "context"}, "attr": "no"}}}],
            }
            for name, tree in permits(rules, members).items()
        },
    )
    with pytest.raises(DataError, match="do not fit the schema"):
        Bundle(found, "clinic")


def test_every_refusal_is_audited_and_no_audit_is_no_decision(tmp_path, monkeypatch) -> None:
    bounds = Bounds.load(folder(tmp_path, settings=SETTINGS + 'audit = "refused"\n'))
    assert bounds.decide("ana", scores=CLEAN).allowed
    assert not bounds.decide("ana", scores=CLEAN | {"cse": 99}).allowed
    assert not bounds.decide("ana", scores={"nonsense": 1}).allowed
    assert not bounds.decide("", scores=CLEAN).allowed
    kept = list(bounds.audit)
    assert [each.rule for each in kept] == ["law.cse", "base.score", "base.user"]
    assert bounds.audit.verify()

    def full(*_args, **_more):
        raise DataError("the disk is full")

    monkeypatch.setattr(bounds.audit, "decision", full)
    with pytest.raises(DataError, match="disk is full"):
        bounds.decide("ana", scores=CLEAN | {"cse": 99})


# Requests and folders that were let through once ----


def test_a_wish_that_a_reply_would_set_aside_is_refused_when_it_is_asked_for(tmp_path) -> None:
    bounds = Bounds.load(folder(tmp_path), audit=False)
    wish = {"wish": "own_view"}
    assert bounds.decide("ana", "apply", scores=CLEAN, context=wish).allowed
    told = bounds.decide("ana", "apply", scores=CLEAN | {"spc_hlt": 40}, context=wish)
    assert (told.allowed, told.rule, told.tier) == (False, "clinic.refer", 2)
    assert told.set_aside == ("the wish own_view gives way to the duty refer of tier 2 (clinic.refer)",)
    open_still = bounds.decide("ana", "apply", context=wish)
    assert not open_still.allowed and open_still.needed == ("spc_hlt",)
    assert bounds.decide("ana", "apply", context={"wish": "brief"}).allowed


@pytest.mark.parametrize(
    "given",
    [
        {"scores": [1]},
        {"scores": "x"},
        {"context": "abc"},
        {"context": [1]},
        {"text": b"x"},
        {"text": 5},
        {"text": "\ud800"},
        {"action": ["generate"]},
        {"action": "AnneMiller"},
    ],
)
def test_a_request_of_the_wrong_kind_is_refused_and_audited(tmp_path, given) -> None:
    bounds = Bounds.load(folder(tmp_path))
    told = bounds.decide("ana", **given)
    assert not told.allowed and told.tier == 1 and (told.rule or "").startswith("base.")
    written = (tmp_path / "audit/chain.jsonl").read_text()
    assert told.rule in written and "AnneMiller" not in written


def test_a_verdict_of_another_hazard_is_none(tmp_path) -> None:
    from populace.bounds.predicates import Verdict

    bounds = Bounds.load(folder(tmp_path), audit=False)
    told = bounds.decide("ana", scores=CLEAN | {"cse": Verdict("off", 0, "", "", "none", 0.0)})
    assert (told.allowed, told.rule) == (False, "base.score")


def test_a_form_is_that_of_the_user_whom_its_file_is_named_for(tmp_path) -> None:
    with pytest.raises(DataError, match="named for another user"):
        Bounds.load(folder(tmp_path, forms={"mallory": 'user = "victim"\nconsents = ["memory"]\n'}))


def test_the_same_name_in_other_letters_is_the_same_user(tmp_path) -> None:
    bounds = Bounds.load(folder(tmp_path, forms={"Zoe\u0308": "[strict]\nman = 10\n"}), audit=False)
    for user in ("Zoe\u0308", "Zo\u00eb"):
        assert bounds.decide(user, scores=CLEAN | {"man": 20}).tier == 3


@pytest.mark.parametrize(
    "stray", ["tier_3/a.toml", "rules.cedar", "Tier2/x/r.cedar", "tier2/clinic/r.cedar.txt"]
)
def test_what_nobody_reads_is_refused(tmp_path, stray) -> None:
    place = folder(tmp_path)
    (place / stray).parent.mkdir(parents=True, exist_ok=True)
    (place / stray).write_text("// rules\n")
    with pytest.raises(DataError):
        Bounds.load(place)


def test_a_tier_that_is_a_file_is_refused(tmp_path) -> None:
    place = folder(tmp_path)
    (place / "tier3").write_text("")
    with pytest.raises(DataError, match="no folder"):
        Bounds.load(place)


@pytest.mark.parametrize("name", ["in", "if", "has", "like", "true", "is"])
def test_words_of_the_language_name_no_hazard(tmp_path, name) -> None:
    with pytest.raises(DataError, match="hazard's name"):
        Bounds.load(folder(tmp_path, settings=f'{SETTINGS}[hazards]\n{name} = "t"\n'))


@pytest.mark.parametrize(
    "clause",
    [
        "(" * 3000 + "context.minor" + ")" * 3000,
        " && ".join(["context.minor"] * 20_000),
        " && ".join(["context.minor"] * 400),
        "if context.minor then true else " * 400 + "false",
        "context.minor" + ".x" * 20_000,
    ],
)
def test_a_policy_too_deep_for_the_engine_is_refused_before_it_is_read(tmp_path, clause) -> None:
    rule = CLINIC + '@id("x") @tier("2") @authority("a") @basis("b") @version("1")\n'
    rule += f"forbid (principal, action, resource) when {{ {clause} }};"
    with pytest.raises(DataError, match="nested too deeply"):
        Bounds.load(folder(tmp_path, tier2={"clinic": rule}))


def test_two_parts_of_the_situation_are_not_compared(tmp_path) -> None:
    rule = CLINIC.replace('resource.topic == "slang"', "context.purpose == resource.topic")
    with pytest.raises(DataError, match="two parts of the situation"):
        Bounds.load(folder(tmp_path, tier2={"clinic": rule}))


def test_a_law_that_is_none_binds_nobody_and_is_refused(tmp_path) -> None:
    rule = CLINIC.replace('resource.topic == "slang"', 'context.law.contains("UE")')
    with pytest.raises(DataError, match="'UE'"):
        Bounds.load(folder(tmp_path, tier2={"clinic": rule}))


def test_a_users_own_limit_is_not_left_out_for_a_late_verdict(tmp_path) -> None:
    settings = SETTINGS + '[limits]\ntier2 = "allow"\n'
    bounds = Bounds.load(
        folder(tmp_path, settings=settings, forms={"ana": "[strict]\nman = 10\n"}), audit=False
    )
    told = bounds.decide("ana", scores={name: 0 for name in CLEAN if name != "man"}, context={"minor": False})
    assert not told.allowed and told.tier == 3 and told.needed == ("man",)
