"""`us-2024`: people of the United States drawn from tables fitted to the 2024 ACS 1-year PUMS."""
