"""Engines: run strategies and fit models here, in other processes, or on Spark."""
