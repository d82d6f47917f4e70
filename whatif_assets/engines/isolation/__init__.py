"""Isolation: processes in which code of the user may do what it likes."""
