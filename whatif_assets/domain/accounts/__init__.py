"""Accounts: sleeves, runs, fills, trades, equity and metrics of backtests."""
