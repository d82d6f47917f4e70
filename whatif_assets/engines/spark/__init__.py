"""Spark: sessions that start fast, and a Java for them."""
