"""Backtesting: sleeves, orders, fills, accounts and metrics, on two engines."""
