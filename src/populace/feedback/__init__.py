"""Feedback: pairs of answers, role-played judgements of them, audits of both, and exports.

`design` says who writes and who judges, `pairs` writes, `judging` judges, `audit` turns the tables into
estimates beside their shortcuts, `export` hands them on.
"""
