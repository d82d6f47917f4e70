"""Probes for look-ahead that run a user's code in separate processes."""
