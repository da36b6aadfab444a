"""What `grounded` is made of: respondents as personas, questions, what everybody predicts, scores."""
