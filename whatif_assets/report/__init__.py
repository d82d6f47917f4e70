"""The report: DuckDB file, its macros, pictures, and the HTML page."""
