"""thermoplan: plans MPI-guided magnetic hyperthermia."""

__version__ = "0.1.0"
