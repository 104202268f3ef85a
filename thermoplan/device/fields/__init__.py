"""Magnetostatic fields: tensors of ideal coils, solid harmonics of measured fields, fields of coils and magnets."""
