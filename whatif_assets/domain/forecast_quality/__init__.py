"""What a forecast is worth before any trading rule: measures of forecasts alone.

Forecasts of the test windows are compared with the returns that came true, once from
the label's own price, which nobody can trade at, and once from the next open. The
*information coefficient* is the correlation of forecasts with returns: across all
symbols at one time, averaged over a session; or, with fewer than five symbols, over
the bars of each symbol in a session. Sessions are then averaged, and the t value of the
mean is corrected for returns that overlap.
"""
