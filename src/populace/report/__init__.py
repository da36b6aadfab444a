"""Figures and one self-contained page: what a study found, beside what would explain it away.

`write(folder, content)` makes `report.html`, which loads nothing from anywhere, and every figure as SVG
and PNG beside it. `report.figures` holds the charts one by one, for notebooks.
"""

from populace.report.content import ReportContent, Stage
from populace.report.page import write

__all__ = ["ReportContent", "Stage", "write"]
