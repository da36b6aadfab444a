"""What the task `jury` is made of: who sits, what is asked, what the ratings come to."""
