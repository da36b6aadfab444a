"""What the task `portfolio` is made of: candidates, weights of people, held-out measures, planted models."""
