"""The run folder: its tables, trajectories and starter inputs."""
