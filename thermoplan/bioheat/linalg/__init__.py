"""Linear algebra of the heat engines: Lanczos spaces, matrix functions, compiled products, conjugate gradients."""
