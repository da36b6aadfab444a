"""What the task `steerable` is made of: what is asked, how a model is steered, scored and audited."""
