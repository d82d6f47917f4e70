"""Spark: find a Java, start sessions fast, compute features."""
