"""What people of different groups agree on."""
