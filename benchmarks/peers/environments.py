"""The peers, pinned to what was measured, each in a virtual environment of its own below one folder."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """One line of the table that is not ours."""

    title: str
    name: str
    """Of the environment's folder."""
    requirements: tuple[str, ...]
    driver: str
    fast: bool = False
    """Whether the driver is called with `--fast`."""
    rival: bool = True
    """Whether it does the same work; a bare client does less and is a reference."""


_LM_EVAL = ("lm-eval[api]==0.4.13",)
_INSPECT = ("inspect-ai==0.3.285", "openai==3.52.0")
PEERS = (
    Peer("Inspect", "inspect", _INSPECT, "ask_inspect.py"),
    Peer("Inspect, fastest settings", "inspect", _INSPECT, "ask_inspect.py", fast=True),
    Peer("lm-evaluation-harness", "lm_eval", _LM_EVAL, "ask_lm_eval.py"),
    Peer("NeMo Data Designer", "data_designer", ("data-designer==0.9.6",), "ask_data_designer.py"),
    Peer("EDSL", "edsl", ("edsl[inference]==1.0.9",), "ask_edsl.py"),
    Peer("Curator", "curator", ("bespokelabs-curator==0.1.31",), "ask_curator.py"),
    Peer("lm-eval's client alone", "lm_eval", _LM_EVAL, "ask_lm_eval_client.py", rival=False),
    Peer("openai package, bare", "openai_sdk", ("openai==3.52.0",), "ask_openai.py", rival=False),
)


def interpreter(peer: Peer, folder: Path) -> Path:
    """Give the Python of the peer's environment, which is made if it is missing.

    Raises
    ------
    RuntimeError
        The peer cannot be installed; the message is pip's last line.
    """
    home = folder / peer.name
    python = home / "bin" / "python"
    installed = home / "requirements.txt"
    wanted = "\n".join(peer.requirements)
    if installed.exists() and installed.read_text() == wanted:
        return python
    print(f"installing {', '.join(peer.requirements)} in {home}", file=sys.stderr, flush=True)
    venv.create(home, symlinks=True, with_pip=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *peer.requirements]
    outcome = subprocess.run(pip, capture_output=True, text=True, check=False)
    if outcome.returncode:
        lines = outcome.stderr.strip().splitlines()
        raise RuntimeError(f"cannot be installed: {lines[-1] if lines else 'pip failed'}")
    installed.write_text(wanted)
    return python
