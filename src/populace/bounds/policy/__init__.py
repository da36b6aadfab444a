"""Policy in three tiers on Cedar: reading, lint, base permits, templates, deciding, proofs, differences."""
