"""People: census microdata read through a codebook, or drawn from tables fitted to them."""
