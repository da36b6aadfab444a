"""Whether a model goes where it is steered, and nowhere else."""
