"""Ranking of variants, and the influence of each setting on the result."""
