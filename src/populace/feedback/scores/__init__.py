"""The scores of a feedback set, one subject a file; `feedback.audit` makes the estimates table of them.

Each file yields rows `(measure, arm, Estimate)` from the judgements beside their pairs. What all share, and
what counts as a verdict, a measured order and a cluster, is in `common`.
"""
