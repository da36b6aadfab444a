"""A Ray cluster to work on: one that runs already, or one on this machine for as long as it is needed."""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from populace.errors import PopulaceError
from populace.models.protocol import Provider

__all__ = ["Share", "joined", "load_ray", "share_out"]

_STORE = 80 << 20
"""Bytes of shared memory: what passes through Ray is small, and this is nearly the least it takes."""


class Share(msgspec.Struct, frozen=True):
    """How a cluster is shared out."""

    workers: int
    cpus: float
    """Of each worker."""


@contextmanager
def joined(address: str | None = None, *, workers: int | None = None) -> Iterator[None]:
    """Be joined to a Ray cluster inside the block. Where the process is joined already, nothing happens.

    Parameters
    ----------
    address
        `"auto"` for the cluster that this machine belongs to, `"HOST:PORT"` for another; None starts one
        on this machine and ends it with the block.
    workers
        CPUs of the cluster that None starts; default: as many as there are.

    Raises
    ------
    PopulaceError
        Ray is not installed, or no cluster answers at the address.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield
        return
    settings: dict[str, Any] = {"address": address}
    if address is None:
        settings = {"address": "local", "num_cpus": workers, "object_store_memory": _STORE}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _knock(address)
        ray.init(**settings, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        where = "on this machine" if address is None else f"at {address}"
        raise PopulaceError(
            f"no Ray cluster could be had {where}: {str(error).splitlines()[0]}",
            fix="start one with 'ray start --head', or leave the address out to have one on this machine",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """See whether anything answers at HOST:PORT, which Ray would find out in minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=10).close()


def load_ray() -> Any:
    """Import Ray.

    Raises
    ------
    PopulaceError
        It is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise PopulaceError(
            f"a distributed run needs the package {error.name!r}, which is not installed",
            fix="run: pip install 'populace[ray]' (on every node of the cluster)",
        ) from error
    # Says at each stage what the progress line says better.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def share_out(nodes: list[float], wanted: int | None, provider: Provider) -> Share:
    """Decide how many workers there are and how many CPUs each reserves.

    Parameters
    ----------
    nodes
        CPUs of each node.
    wanted
        Workers asked for; None for as many as fit.

    Examples
    --------
    >>> from populace.models.scripted import Scripted
    >>> share_out([8.0, 4.0], None, Scripted())
    Share(workers=12, cpus=1.0)
    >>> share_out([1.0, 1.0], 4, Scripted())  # workers mostly wait, so they may share a CPU
    Share(workers=4, cpus=0.5)
    """
    if not sum(nodes):
        raise PopulaceError("the Ray cluster has no CPU", fix="add a node, or give 'ray start' --num-cpus")
    # A model that computes in the worker takes the cores it was told to take.
    cpus = min(float(getattr(provider, "threads", 1)), max(nodes))
    most = sum(int(node // cpus) for node in nodes)
    if wanted and wanted > most:
        cpus = math.floor(1e4 * sum(nodes) / wanted) / 1e4
    return Share(wanted or most, cpus)
