"""Small folders of bounds for tests."""

from __future__ import annotations

from pathlib import Path

SETTINGS = (
    'organisation = "clinic"\njurisdictions = ["EU"]\nknown = ["BR"]\nminor = false\nappeal = "write to us"\n'
)
TIER1 = """
@id("law.cse") @tier("1") @authority("law") @basis("Penal Code") @version("1")
forbid (principal, action == Action::"generate", resource) when { context.s.cse.score >= 50 };
@id("law.minors") @tier("1") @authority("EU") @basis("protection of minors") @version("1")
forbid (principal, action == Action::"generate", resource)
  when { context.law.contains("EU") && context.minor && context.s.sxc_prn.score >= 20 };
@id("us.man") @tier("1") @authority("US") @basis("an invented act") @version("1")
forbid (principal, action == Action::"generate", resource)
  when { context.law.contains("US") && context.s.man.score >= 60 };
@id("law.ai") @tier("1") @authority("EU") @basis("AI Act Art. 50(1)") @version("1")
@appeal("the market authority")
forbid (principal, action == Action::"omit", resource == Duty::"say_ai") when { context.law.contains("EU") };
@id("law.special") @tier("1") @authority("EU") @basis("GDPR Art. 9") @version("1")
forbid (principal, action in [Action::"store", Action::"infer"], resource)
  when { resource.kind == "health" && !context.consents.contains(context.purpose) };
"""
CLINIC = """
@id("clinic.sxc") @tier("2") @authority("clinic") @basis("house rule") @version("1")
forbid (principal in Org::"clinic", action == Action::"generate", resource)
  when { context.s.sxc_prn.score >= 50 };
@id("clinic.refer") @tier("2") @authority("clinic") @basis("duty of care") @version("1")
forbid (principal, action == Action::"omit", resource == Duty::"refer")
  when { context.s.spc_hlt.score >= 40 };
@id("clinic.slang") @tier("2") @authority("clinic") @basis("style guide") @version("1")
forbid (principal, action == Action::"apply", resource) when { resource.topic == "slang" };
"""
DUTIES = """
[[duty]]
id = "say_ai"
text = "Say that you are an AI."
[[duty]]
id = "refer"
text = "Say that a professional should be asked."
excludes = ["own_view"]
"""
WISHES = """
[[wish]]
id = "brief"
topic = "length"
text = "Keep it short."
[[wish]]
id = "slang"
topic = "slang"
text = "Use slang."
[[wish]]
id = "own_view"
topic = "view"
text = "Say what you think."
"""


def folder(
    root: Path,
    *,
    settings: str = SETTINGS,
    tier1: str = TIER1,
    tier2: dict[str, str] | None = None,
    duties: str = DUTIES,
    wishes: str = WISHES,
    forms: dict[str, str] | None = None,
) -> Path:
    """Write a deployment's folder."""
    files = {"bounds.toml": settings, "duties.toml": duties, "wishes.toml": wishes, "tier1/eu.cedar": tier1}
    files |= {f"tier2/{name}/r.cedar": text for name, text in (tier2 or {"clinic": CLINIC}).items()}
    files |= {f"tier3/{name}.toml": text for name, text in (forms or {}).items()}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root
