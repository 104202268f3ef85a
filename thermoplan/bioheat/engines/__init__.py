"""Time integrators of the bioheat equation: the exact Krylov engine, the implicit one, and the reduced model."""
