"""Turn requests into results through any provider, losing nothing and paying for nothing twice."""
