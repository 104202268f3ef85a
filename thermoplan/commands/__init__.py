"""Verbs that are not a plan: check, convert, quantify, scan, register, slp, ffr, calorimetry, fit-tracer, test-shot."""
