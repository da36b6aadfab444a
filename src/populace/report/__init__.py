"""Figures and self-contained pages: what was found, beside what would explain it away.

`write(folder, content)` makes a study's `report.html`, which loads nothing from anywhere, and every figure
as SVG and PNG beside it. `fidelity_page(population, out)` says how near people are to the census or to
microdata. `report.figures` holds the charts one by one, for notebooks.
"""

from populace.report.content import ReportContent, Stage
from populace.report.fidelity import Baseline, Discriminator, Privacy, fidelity_page
from populace.report.page import write

__all__ = ["Baseline", "Discriminator", "Privacy", "ReportContent", "Stage", "fidelity_page", "write"]
