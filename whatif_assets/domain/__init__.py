"""Domain logic: functions over arrays, data frames and frozen dataclasses.

No module here depends on file paths, the home folder, the lake or Dagster. The system
clock is read only through ``base.clock``. A package may import only the packages that
precede it in this list: ``base``, ``bars``, ``quality``, ``features``, ``models``,
``accounts``, ``strategies``, ``leaks``, ``ranking``, ``selection``.
"""
