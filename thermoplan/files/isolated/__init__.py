"""Readers of files that a C library or a large parser opens, each in a process of its own with limits.

``isolation`` asks, ``isolated_server`` forks, ``hdf5_datasets`` and ``mesh_arrays`` read there, and
``hdf5_content`` is what comes back of HDF5.
"""
