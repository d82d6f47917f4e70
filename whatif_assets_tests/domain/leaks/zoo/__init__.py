"""Programs with look-ahead, and honest ones that look as if they had it.

The benchmark runs all of them, the tests some of each kind. A program says in its
docstring, or by its name, what it does.
"""
