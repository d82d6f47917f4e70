"""The sweep engine: built-in rules compiled with numba, equal to Backtrader.

``layout`` says where the numbers are, ``kernel`` is the compiled part, ``run``
hands it work over threads, ``parity`` compares it with the reference engine.
``run`` and ``kernel`` import numba, which takes a second: import them where they
are used.
"""
