"""The domain: arrays, frames and frozen dataclasses in and out.

Nothing here knows a path, a home, the lake or Dagster, and of a clock only the date of
today (``base.clock``). Packages import those before them in this list only: ``base``,
``bars``, ``quality``, ``features``, ``models``, ``accounts``, ``strategies``,
``leaks``, ``ranking``, ``selection``.
"""
