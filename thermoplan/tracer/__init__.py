"""Tracer: particles, relaxation, magnetization models, calorimetry and fits."""
