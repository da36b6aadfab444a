"""Models that trade objectives off as a steering function says."""
