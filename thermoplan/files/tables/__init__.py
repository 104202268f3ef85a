"""Readers and writers of tables and small text files: CSV, transforms, landmarks, tracer and machine files."""
