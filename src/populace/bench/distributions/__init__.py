"""What the task `distributional` is made of: questions, four ways to ask, scores, planted models."""
