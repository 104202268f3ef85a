"""Steering of the field-free region: candidates, search, sequence, comparison and explanation."""
