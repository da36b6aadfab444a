"""The rules of replies in Rego, for `bench_bounds.py`: asked of regopy in another interpreter's process."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from populace.bounds.policy.fragment import path
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.space import as_tree

LAWS = ("EU", "US")


def rego(
    python: str,
    rules: tuple[Rule, ...],
    drawn: list[dict[str, int]],
    context: list[dict[str, Any]],
    base: float,
    refused: int,
    told: Callable[[str, tuple[list[float], list[float]]], float],
) -> None:
    """Ask the same rules of replies in Rego, in another interpreter's process."""
    lines = ["package bounds", "import rego.v1"]
    for rule in rules:
        if "generate" in rule.actions:
            body = to_rego(as_tree(rule))
            lines += [f'deny contains "{rule.id}" if {{ {each} }}' for each in body]
    inputs = [
        {
            "s": scores,
            "law": sorted({*LAWS[:1], *given["jurisdiction"]}),
            "minor": given["minor"],
            "purpose": "chat",
        }
        for scores, given in zip(drawn, context, strict=True)
    ]
    script = Path(__file__).parent / "peers" / "ask_rego.py"
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "work.json"
        file.write_text(json.dumps({"policy": "\n".join(lines), "inputs": inputs}))
        done = subprocess.run([python, str(script), str(file)], capture_output=True, text=True, check=False)
    if done.returncode:
        print("  regopy failed:", done.stderr.strip().splitlines()[-1:])
        return
    found = json.loads(done.stdout)
    wall = told("regopy, the reply alone", (found["wall"], found["cpu"]))
    print(
        f"  that / ours: {wall / base:.2f}; it refused {found['refused']:,}, tiers 1 and 2 refuse {refused:,}"
    )


def to_rego(tree: Any) -> list[str]:  # noqa: PLR0911 (a case each)
    """Write an expression of the examples as bodies, of which any may hold."""
    ((name, inner),) = tree.items()
    if name == "||":
        return [*to_rego(inner["left"]), *to_rego(inner["right"])]
    if name == "&&":
        return [f"{a}; {b}" for a in to_rego(inner["left"]) for b in to_rego(inner["right"])]
    if name == "contains":
        return [f'"{inner["right"]["Value"]}" in input.law']
    if name == ".":
        return ["input.minor"]
    chain = path(inner["left"]) or ("", "", "")
    if chain[:2] == ("context", "s"):
        return [f"input.s.{chain[2]} {name} {inner['right']['Value']}"]
    if chain == ("context", "org"):
        return ["true"]
    return [f'input.purpose {name} "{inner["right"]["Value"]}"']
