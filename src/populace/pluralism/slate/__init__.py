"""Several options for one jury, and who is left out."""
