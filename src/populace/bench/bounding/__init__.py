"""What the task `bounds` is made of: who asks, what stands before the model, what replies come to."""
