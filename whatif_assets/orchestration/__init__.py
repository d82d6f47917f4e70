"""Orchestration: the only package that depends on Dagster."""
