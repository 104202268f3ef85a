"""Linear and quadratic finite elements on tetrahedra; the only DOLFINx plumbing."""
