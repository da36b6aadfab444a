"""The embedded provider: a small language model that runs in this process, on the CPU, offline."""

from populace.models.embedded.provider import Embedded

__all__ = ["Embedded"]
