"""Comparison: two entries of the leaderboard, and why one made more."""
