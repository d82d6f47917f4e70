"""The home: where everything is kept, and the one door to it."""
