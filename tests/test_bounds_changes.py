"""What counts as a widening between two versions: all that a decision shows; not what is shown to be none."""

from __future__ import annotations

import pytest

pytest.importorskip("cedarpy", reason="the extra bounds is not installed")

from typer.testing import CliRunner

from bounds_folders import CLINIC, DUTIES, SETTINGS, TIER1, WISHES, folder
from populace.bounds import Bounds
from populace.bounds.policy.differences import differences
from populace.bounds.policy.forms import Form
from populace.cli import app
from populace.errors import DataError

RUN = CliRunner()
CLEAN = dict.fromkeys(("cse", "sxc_prn", "man", "spc_hlt", "off"), 0)
HEAD = '\n@id("{}") @tier("{}") @authority("x") @basis("b") @version("1")\n'
EMPTY = HEAD.format("lab.off", 2) + 'forbid (principal, action == Action::"train", resource);\n'
ACME = HEAD.format("law.acme", 1) + (
    'forbid (principal in Org::"acme", action == Action::"generate", resource)'
    " when { context.s.off.score >= 20 };\n"
)
TWO = {"clinic": CLINIC, "lab": EMPTY}
FORM = 'consents = ["memory"]\n[strict]\noff = 30\n[never]\nstore = ["health"]\nshare = ["*"]\n'


def load(path) -> Bounds:
    return Bounds.load(path, audit=False)


def scores(**more: int) -> dict:
    return {"scores": CLEAN | more}


def context(**more) -> dict:
    return {"context": more}


def instead(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def both(tmp_path, old: dict, new: dict) -> tuple[Bounds, Bounds]:
    return load(folder(tmp_path / "old", **old)), load(folder(tmp_path / "new", **new))


WIDER = {
    "the age that holds where nobody says one": (
        {"settings": instead(SETTINGS, "minor = false", "minor = true")},
        {},
        ("z", "generate", scores(sxc_prn=30)),
    ),
    "the law that always applies": (
        {},
        {"settings": instead(SETTINGS, '["EU"]', '["BR"]')},
        ("z", "omit", context(duty="say_ai")),
    ),
    "a law for requests that name none": (
        {"settings": instead(SETTINGS, 'jurisdictions = ["EU"]\n', "")},
        {},
        ("z", "generate", scores()),
    ),
    "a jurisdiction that needs no rule": (
        {},
        {"settings": instead(SETTINGS, '["BR"]', '["BR", "CN"]')},
        ("z", "generate", scores() | context(jurisdiction="CN")),
    ),
    "a limit of tier 2": (
        {},
        {"settings": SETTINGS + '[limits]\ntier2 = "allow"\n'},
        ("z", "generate", {"scores": {"cse": 0, "man": 0, "spc_hlt": 0}}),
    ),
    "the organisation where none is named": (
        {"tier2": TWO},
        {"tier2": TWO, "settings": instead(SETTINGS, '"clinic"', '"lab"')},
        ("z", "generate", scores(sxc_prn=60)),
    ),
    "another folder, without the rules": (
        {},
        {"tier2": {"lab": EMPTY}, "settings": instead(SETTINGS, '"clinic"', '"lab"')},
        ("z", "generate", scores(sxc_prn=60)),
    ),
    "an organisation more": (
        {},
        {"tier2": TWO},
        ("z", "generate", scores() | context(organisation="lab")),
    ),
    "the provider, whom a law binds": (
        {
            "tier1": TIER1 + ACME,
            "tier2": TWO | {"acme": instead(EMPTY, "lab.off", "acme.off")},
            "settings": 'provider = "acme"\n' + SETTINGS,
        },
        {"tier1": TIER1 + ACME, "tier2": TWO | {"acme": instead(EMPTY, "lab.off", "acme.off")}},
        ("z", "generate", scores(off=30)),
    ),
    "the topic of a wish": (
        {},
        {"wishes": instead(WISHES, 'topic = "slang"', 'topic = "style"')},
        ("z", "apply", context(wish="slang")),
    ),
    "a wish more": (
        {},
        {"wishes": WISHES + '[[wish]]\nid = "warm"\ntopic = "warmth"\ntext = "Be warm."\n'},
        ("z", "apply", context(wish="warm")),
    ),
    "a duty that excludes no wish any more": (
        {"duties": DUTIES + 'clashes = []\n[[duty]]\nid = "third"\ntext = "t"\nexcludes = ["brief"]\n'},
        {"duties": DUTIES + 'clashes = []\n[[duty]]\nid = "third"\ntext = "t"\n'},
        None,
    ),
    "a duty that gives way now": (
        {},
        {"duties": DUTIES + 'clashes = ["say_ai"]\n'},
        None,
    ),
    "a kind of data more": (
        {"settings": SETTINGS + 'kinds = ["health", "name"]\n'},
        {"settings": SETTINGS + 'kinds = ["health", "name", "shoes"]\n'},
        ("z", "store", context(kind="shoes", purpose="memory")),
    ),
    "a purpose more": (
        {},
        {"settings": SETTINGS + 'purposes = ["chat", "memory", "sharing", "ads"]\n'},
        ("z", "share", context(kind="name", purpose="ads")),
    ),
    "a form that forbids less": (
        {"forms": {"ana": FORM}},
        {"forms": {"ana": instead(FORM, "30", "60")}},
        ("ana", "generate", scores(off=40)),
    ),
    "a form that forbids no storing": (
        {"forms": {"ana": FORM}},
        {"forms": {"ana": instead(FORM, 'store = ["health"]\n', "")}},
        ("ana", "store", context(kind="health", purpose="memory")),
    ),
    "a form that agrees, where nobody did": (
        {},
        {"forms": {"ana": 'consents = ["memory"]\n'}},
        ("ana", "store", context(kind="health", purpose="memory")),
    ),
    "minors whom no request makes adults": (
        {"settings": instead(SETTINGS, "minor = false", "minor = true")},
        {"settings": instead(SETTINGS, "minor = false\n", "")},
        ("z", "generate", scores(sxc_prn=30) | context(minor=False)),
    ),
    "a form that is gone": (
        {"forms": {"ana": FORM}},
        {},
        ("ana", "share", context(kind="name", purpose="memory")),
    ),
}


@pytest.mark.parametrize("name", WIDER)
def test_what_a_decision_shows_to_be_wider_is_told(name, tmp_path) -> None:
    before, after, asked = WIDER[name]
    old, new = both(tmp_path, before, after)
    if asked is not None:
        user, action, given = asked
        assert [each.decide(user, action, **given).allowed for each in (old, new)] == [False, True]
    assert differences(old, new).widens, str(differences(old, new))


NARROWER = {
    "the law that always applies": ({}, {"settings": instead(SETTINGS, '["EU"]', '["EU", "US"]')}),
    "the age": ({}, {"settings": instead(SETTINGS, "minor = false", "minor = true")}),
    "the limits": (
        {"settings": SETTINGS + '[limits]\ntier2 = "allow"\n'},
        {"settings": SETTINGS + "[limits]\nseconds = 2.0\n"},
    ),
    "a hazard of one's own": ({}, {"settings": SETTINGS + '[hazards]\nspam = "Spam"\n'}),
    "an organisation that is gone": ({"tier2": TWO}, {}),
    "a jurisdiction that is gone": ({}, {"settings": instead(SETTINGS, 'known = ["BR"]\n', "")}),
    "words of the deployment": ({}, {"settings": SETTINGS + 'title = "Ours"\n'}),
    "a wish that is gone": (
        {},
        {"wishes": WISHES[: WISHES.rindex("[[wish]]")], "duties": instead(DUTIES, '"own_view"', "")},
    ),
    "a duty that excludes more": ({}, {"duties": instead(DUTIES, '["own_view"]', '["own_view", "brief"]')}),
    "a duty more": ({}, {"duties": DUTIES + '[[duty]]\nid = "third"\ntext = "t"\n'}),
    "a wish that is always forbidden": (
        {},
        {"wishes": WISHES + '[[wish]]\nid = "slang2"\ntopic = "slang"\ntext = "More slang."\n'},
    ),
    "a form that forbids more": (
        {"forms": {"ana": FORM}},
        {"forms": {"ana": instead(instead(FORM, "30", "20"), '["health"]', '["*"]')}},
    ),
    "a form that agrees to less": (
        {"forms": {"ana": FORM}},
        {"forms": {"ana": instead(FORM, '["memory"]', "[]")}},
    ),
    "a form that forbids, where there was none": ({}, {"forms": {"ana": instead(FORM, '["memory"]', "[]")}}),
    "the provider, whom a law binds": tuple(reversed(WIDER["the provider, whom a law binds"][:2])),
}


@pytest.mark.parametrize("name", NARROWER)
def test_what_only_narrows_is_no_widening(name, tmp_path) -> None:
    old, new = both(tmp_path, *NARROWER[name])
    found = differences(old, new)
    assert found.changes and not found.widens, str(found)


def test_the_command_tells_by_its_exit_code(tmp_path) -> None:
    old = folder(tmp_path / "old", forms={"ana": FORM})
    new = folder(tmp_path / "new", forms={"ana": instead(FORM, "30", "60")})
    told = RUN.invoke(app, ["bounds", "diff", str(old), str(new), "--fail-if-wider"])
    assert told.exit_code == 1
    assert told.output.startswith(
        "The form of ana is another. This may allow more. Allowed by it: replies in"
    )
    assert RUN.invoke(app, ["bounds", "diff", str(new), str(old), "--fail-if-wider"]).exit_code == 0


def test_where_a_change_holds_is_said(tmp_path) -> None:
    old, new = both(tmp_path, {"settings": instead(SETTINGS, "minor = false\n", "")}, {})
    assert str(differences(old, new)).splitlines()[0] == (
        "Now allowed: a reply when Sexual content scores 20 to 49, where nothing else forbids it; until now"
        " forbidden by EU (law.minors, tier 1). Where nobody says the age."
    )
    old, new = both(
        tmp_path, {"tier2": TWO}, {"tier2": {"clinic": instead(CLINIC, "50", "60"), "lab": EMPTY}}
    )
    assert str(differences(old, new)) == (
        "Now allowed: a reply when Sexual content scores 50 to 59 and the user is of age, where nothing else"
        " forbids it; until now forbidden by clinic (clinic.sxc, tier 2). At clinic."
    )


def test_a_preview_says_purposes_together(tmp_path) -> None:
    bounds = load(folder(tmp_path, settings=SETTINGS + 'purposes = ["chat", "memory", "research"]\n'))
    told = bounds.preview(Form("ana", consents=("memory", "research")))
    assert told.allowed == (
        "storing data on health, for memory and research",
        "inferring data on health, for memory and research",
    )
    more = bounds.preview(Form("ana", consents=("memory",), never={"read": ("name", "age")}))
    assert more.forbidden == ("reading data on age and name, for memory",)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('wishes = ["brief", "brif"]\n', 1),
        ('# ours\n\nwishes = [\n  "brief",\n  "brif",\n]\n', 5),
        ("minor = true\n[strict]\ncse = 30\noff = 35\n", 4),
        ("[strict]\noff = 30\nofff = 30\n", 3),
        ('[never]\nstore = ["health"]\nshare = ["helth"]\n', 3),
        ('[[own]]\nid = "w1"\ntext = "a"\n[[own]]\nid = "w 2"\ntext = "b"\n', 5),
        ('consents = ["memory",\n  "memori"]\n', 2),
    ],
)
def test_an_error_of_a_form_names_the_line(text, row, tmp_path) -> None:
    with pytest.raises(DataError) as told:
        load(folder(tmp_path, forms={"ana": text}))
    assert told.value.row == row, str(told.value)
