"""Parts of `bench_fidelity.py`, one measure a file."""
