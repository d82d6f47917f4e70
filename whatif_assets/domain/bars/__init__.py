"""Bars: schema, sessions, sizes, row checks, repairs, resampling and adjustments."""
