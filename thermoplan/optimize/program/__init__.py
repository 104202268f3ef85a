"""Linear programs of a search: heat in terms of shares, requirements as rows, and few of rows and columns at a time."""
