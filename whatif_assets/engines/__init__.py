"""Engines: how strategies are run and models fitted, here, in processes, on Spark."""
