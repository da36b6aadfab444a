"""Write which rules of the OpenAI Model Spec are expressed as bounds, and why the others are not, into the
design note.

    python scripts/model_spec_table.py [--spec FOLDER] [--check]

The mapping is `bounds/data/model_spec_rules.toml`. With `--spec`, the folder of that document, its rules,
levels and numbers of examples are counted again and held against the mapping. Nothing of its text is copied.
With `--check` nothing is written, and the exit code is 1 where the note is not what it would be.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NOTE = ROOT / "docs" / "design" / "bounds-documents.md"
RULES = ROOT / "src" / "populace" / "bounds" / "data" / "model_spec_rules.toml"
LEVELS = ("root", "system", "developer", "user", "guideline")
FITS = {
    "restriction": "a restriction: `forbid` a reply",
    "duty": "a duty: `forbid` its omission",
    "wish": "a wish that users may choose",
    "construction": "holds by construction",
    "no": "does not fit",
}
BEGIN, END = "<!-- model spec: begin -->", "<!-- model spec: end -->"


def mapping() -> dict[str, list[dict[str, Any]]]:
    """Read the mapping."""
    return tomllib.loads(RULES.read_text("utf-8"))


def rules_of(spec: Path) -> dict[str, tuple[str, int]]:
    """Read which rules the document has: id -> level and number of inline examples."""
    found: dict[str, tuple[str, int]] = {}
    rule = ""
    for line in (spec / "model_spec.md").read_text("utf-8").splitlines():
        if heading := re.match(r"#+ .*\{#(\w+)(?: authority=(\w+))?", line):
            rule = heading[1] if heading[2] else ""
            if rule:
                found[rule] = (heading[2], 0)
        elif line.startswith("**Example**") and rule:
            found[rule] = (found[rule][0], found[rule][1] + 1)
    return found


def table() -> str:
    """Lay the mapping out."""
    told = mapping()
    rules, examples = told["rule"], told["example"]
    counts = Counter((rule["level"], rule["fits"]) for rule in rules)
    lines = [f"| level | rules | {' | '.join(FITS.values())} |", f"|{'---|' * (len(FITS) + 2)}"]
    for level in LEVELS:
        cells = [counts[level, fits] for fits in FITS]
        lines.append(f"| {level} | {sum(cells)} | {' | '.join(str(cell or '–') for cell in cells)} |")
    totals = [sum(counts[level, fits] for level in LEVELS) for fits in FITS]
    lines += [f"| all | {sum(totals)} | {' | '.join(map(str, totals))} |", ""]
    bad = sum(bool(example["hazard"]) for example in examples)
    lines += [
        f"{len(examples)} of its inline examples were labelled by hand, with the hazard that the reply it "
        f"calls bad would hold ({bad}), or as one that must be allowed ({len(examples) - bad}). With these "
        "labels each is decided as it says.",
        "",
        *_examples(rules, examples),
        "",
        *(f"Of `{rule['id']}`, {rule['lacks']}." for rule in rules if "lacks" in rule),
        "",
        "What does not fit, and why:",
        "",
        "| rule | level | why |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{rule['id']}` | {rule['level']} | {rule['why']} |" for rule in rules if rule["fits"] == "no"
    ]
    return "\n".join(lines)


def _examples(rules: list[dict[str, Any]], examples: list[dict[str, Any]]) -> list[str]:
    """Lay out how many inline examples of each rule that fits are labelled, and why the others are not."""
    counts = Counter(example["rule"] for example in examples)
    there = sum(rule["examples"] for rule in rules)
    unfit = sum(rule["examples"] for rule in rules if rule["fits"] == "no")
    wishes = [rule for rule in rules if rule["fits"] == "wish"]
    manner = sum(rule["examples"] for rule in wishes)
    lines = [
        f"It has {there} inline examples under rules with a level. {unfit} stand under rules that do not fit "
        f"(below); {manner} under the {len(wishes)} rules that are wishes here, of which a model is told in "
        "words and no verdict says whether it was heeded; none of these is labelled. Of its 114 files of "
        "examples none is either. The others:",
        "",
        "| rule | inline examples | labelled | why the others are not |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{rule['id']}` | {rule['examples']} | {counts[rule['id']]} | {rule.get('others', '–')} |"
        for rule in rules
        if rule["fits"] not in ("no", "wish") and rule["examples"]
    ]
    return lines


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    if given.spec:
        ours = {rule["id"]: (rule["level"], rule["examples"]) for rule in mapping()["rule"]}
        theirs = rules_of(given.spec)
        if ours != theirs:
            print("the mapping and the document differ:", sorted(set(ours.items()) ^ set(theirs.items())))
            return 1
        count = sum(number for _, number in rules_of(given.spec).values())
        print(f"{len(ours)} rules with a level, {count} examples in them")
    note = NOTE.read_text("utf-8")
    before, _, rest = note.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
    if given.check:
        return int(new != note)
    NOTE.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
