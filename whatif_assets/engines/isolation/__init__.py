"""Isolation: processes in which a user's code can harm only its own job."""
