"""Processes of their own, in which strategies of the user run."""
