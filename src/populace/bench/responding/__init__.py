"""What the task `response-prediction` is made of: data, plan, arms, scores, audits, planted people."""
