"""Readers and writers of meshes and of fields on them."""
