"""Evaluation: configurations on their test windows, and what puts them to the test."""
