"""The home: the folder with a market's settings, studies, lake, ledger and reports."""
