"""The Python door: homes, runs and results as frames that print and plot themselves.

``import whatif_assets as wi`` offers what `whatif_assets.python.names` lists.
"""
