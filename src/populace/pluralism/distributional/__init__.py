"""How near a model's distributions are to people's."""
