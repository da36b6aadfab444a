"""A study: one file of settings, the whole job."""

from populace.study.settings import Settings, load_settings
from populace.study.study import Study

__all__ = ["Settings", "Study", "load_settings"]
