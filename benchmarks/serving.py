"""The loopback server in a process of its own, for the benchmarks that ask it.

Only the standard library: a child's peak memory starts at its parent's, so those who measure must stay small.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server(latency: float) -> Iterator[str]:
    """Run a fresh loopback server and give its base URL."""
    command = [sys.executable, Path(__file__).with_name("loopback.py"), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()
