"""What-if analysis of trading strategies as Dagster assets."""
