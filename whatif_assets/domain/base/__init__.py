"""Shared building blocks: errors, checked settings, hashes, columns, array types."""
