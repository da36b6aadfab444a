"""What `grounded` is made of: respondents as personas, questions as a model is asked them, cells that are scored."""
