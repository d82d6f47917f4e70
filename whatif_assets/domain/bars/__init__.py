"""Bars: what they are, their sessions and sizes, and how they come into the lake."""
