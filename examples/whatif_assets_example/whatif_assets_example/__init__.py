"""One of each plug-in of whatif_assets."""
