"""Verification of a sequence with the full model, and what it does to the animal."""
