"""Random input: each is accepted, or refused in words, in little time and memory.

`make test` tries a few, `make fuzz` 10,000 studies, 3,000 keys and 1,000 data files.
"""
