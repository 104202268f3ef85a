"""Text files: decoding, and rows of CSV by the names of their columns."""
