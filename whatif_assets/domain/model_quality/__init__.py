"""What a fitted model has learned: what it relies on, and whether that has changed."""
