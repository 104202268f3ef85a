"""The machinery under `optimize`: heat in terms of shares, goals as rows, a linear program of few of them."""
