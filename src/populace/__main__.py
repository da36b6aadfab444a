"""`python -m populace`: the same as the `populace` command."""

from populace.cli import main

main()
