"""Parallel runs of the heat engines under mpiexec: partition, halo exchange, and the crew of ranks."""
