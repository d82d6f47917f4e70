"""Settings: what a user writes, read and checked once."""
