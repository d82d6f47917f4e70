"""The domain: arrays, frames and frozen dataclasses in and out.

Nothing here knows a path, a home, the lake, a clock or Dagster. Packages import those
above them in this list only: ``base``, ``bars``, ``quality``, ``features``, ``models``,
``accounts``, ``strategies``, ``leaks``, ``ranking``, ``selection``.
"""
