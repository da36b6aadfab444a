"""Personalisation within bounds: three tiers of policy that no lower tier can widen (arXiv 2303.05453)."""
