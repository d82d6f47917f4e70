"""The report: the DuckDB file with its macros, the pictures, and the HTML pages."""
