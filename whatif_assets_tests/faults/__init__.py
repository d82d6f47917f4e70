"""Runs that are disturbed: killed, out of space or memory, or not alone.

`make test-faults` runs these tests; docs/trust.md has the table of what they try.
"""
