"""``python -m thermoplan``."""

from .cli import main

main()
