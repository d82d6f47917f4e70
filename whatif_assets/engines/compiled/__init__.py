"""The sweep engine: built-in rules compiled with numba, equal to Backtrader.

``layout`` defines the records, ``kernel`` and ``lanes`` are the compiled functions,
``compiling`` caches them on disk, ``run`` distributes the work over threads, and
``outcome`` holds the results. ``whatif_assets.engines.parity`` compares them with the
reference engine.

``run``, ``compiling``, ``kernel`` and ``lanes`` import numba, which takes a second:
import them inside the functions that use them.
"""
