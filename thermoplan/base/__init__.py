"""Ground floor of the package: arrays, errors, units, images, progress, cache, memory, threads."""
