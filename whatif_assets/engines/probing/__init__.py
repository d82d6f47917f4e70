"""Probes for leaks that need a process of their own."""
