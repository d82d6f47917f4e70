"""The command ``whatif new study``: a start that runs as it is."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from whatif_assets.command_line.terminal import console
from whatif_assets.domain.base.errors import BadInput
from whatif_assets.home.atomic import write_text
from whatif_assets.home.creation import check_study

STARTS = "whatif_assets.command_line"
START = """\
# All fields: docs/reference.md. Check it with 'whatif check', run it with 'whatif run'.
name: {name}
market:
  source: sample                  # a synthetic market; or parquet, csv, duckdb, ...
  symbols: [SYN01, SYN02, SYN03]
  calendar: XNYS
  first_session: 2026-01-05
  last_session: 2026-02-27
  base_bar: 1min
features:
  - close: {{relative_to: vwap}}
  - ema: {{timeperiod: 10, relative_to: close}}
label: {{price: vwap, horizon: 5, kind: return}}
evaluation: {{method: split, train: 20}}
cash: 10000                       # of each symbol
costs: {{commission_bps: 0.1}}
rank_by: pnl                      # any metric, or weights of metrics
configurations:
  linear:
    algorithm: linear
    strategy: forecast_threshold
    equity_percent: 95            # of what the account is worth; or size, or notional
    sweep: {{threshold: [0.0002, 0.0005, 0.001]}}
  cross:
    strategy: ema_cross
    equity_percent: 95
    sweep: {{fastperiod: [5, 10], slowperiod: [30, 60]}}
  hold: {{strategy: buy_and_hold}}
"""


def print_new_study(name: str, folder: Path, *, is_demo: bool = False) -> bool:
    """Write a study file with a start, and say what to do next.

    Parameters
    ----------
    name, folder
        Name of the study, and the folder of its file.
    is_demo
        Whether to write the demo of the documentation instead of a short start.

    Raises
    ------
    BadInput
        The file exists, or the name is not valid for a study.
    """
    path = folder / f"{name}.yaml"
    if path.exists():
        raise BadInput(f"{path}: this file exists; choose another name or folder.")
    demo = resources.files(STARTS).joinpath("starts", "demo.yaml")
    start = START.format(name=name)
    write_text(path, demo.read_text(encoding="utf-8") if is_demo else start)
    try:
        check_study(path)
    except BadInput:
        path.unlink()
        raise
    console.print(
        f"{path} is a study of a synthetic market. Edit it, then:\n"
        f"  whatif check {path}\n  whatif run {path} --home {name}_home",
        highlight=False,
        soft_wrap=True,
    )
    return True
