"""Best time shares of every column and window: goals met, limits kept, the rest left cold; and why no better."""

from .loop import Progress, Search, Settings, Shares, optimize_shares

__all__ = ["Progress", "Search", "Settings", "Shares", "optimize_shares"]
