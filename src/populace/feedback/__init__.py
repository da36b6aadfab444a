"""Feedback: pairs of answers, role-played judgements of them, audits of both, and exports.

`design`, `policies` and `dealing` say who writes and who judges; `pairs` writes by critique and revision,
`sampling` takes two answers as they are; `judging` judges, by `verdicts` where the judge can only write;
`audit` turns the tables into estimates beside their shortcuts, `shortcuts` decides whether one explains a
score away; `export` hands them on, `release` reads those of the public PERSONA release.
"""
