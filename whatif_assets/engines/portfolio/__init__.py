"""The engine of portfolios: one account over many symbols, equal to Backtrader."""
