"""The domain: pure functions and small frozen dataclasses, free of Dagster."""
