"""From MPI signal to iron: calibration, fiducials, regions of interest, point-spread function, registration."""
