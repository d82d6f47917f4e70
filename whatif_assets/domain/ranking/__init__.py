"""The leaderboard: ranking, the winner, and how much hangs on each setting."""
