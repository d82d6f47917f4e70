// Candles of a symbol and session, with the winner's trades and its forecasts.
const bars = values("prices-data");
if (bars) {
  const plot = document.getElementById("chart-prices");
  const symbolChoice = document.getElementById("price-symbol");
  const dayChoice = document.getElementById("price-day");
  const minute = unpack(bars.minute), price = unpack(bars.prices);
  const forecast = bars.forecast ? unpack(bars.forecast) : null;
  const UNKNOWN = 65535;
  const time = (minutes) => new Date(minutes * 60000).toISOString()
    .slice(0, bars.daily ? 10 : 16).replace("T", " ");
  const rounded = (number) => Number(number.toPrecision(9));

  const partsOf = (symbol) => bars.symbol.flatMap((one, part) => (one === symbol ? [part] : []));
  bars.symbols.forEach((name, number) => symbolChoice.add(new Option(name, number)));
  if (trades) {
    const traded = new Map();
    trades.column.symbol.forEach((one) => traded.set(one, (traded.get(one) || 0) + 1));
    const [most] = Array.from(traded).sort((a, b) => b[1] - a[1])[0];
    symbolChoice.value = Math.max(0, bars.symbols.indexOf(trades.symbols[most]));
  }

  const marks = (part, name, from, to) => {
    if (!trades) return [];
    const { column } = trades;
    const own = trades.symbols.indexOf(bars.symbols[bars.symbol[part]]);
    const groups = [
      ["bought", "opened", "entry", 1, "triangle-up", "#0072B2"],
      ["sold short", "opened", "entry", -1, "triangle-down", "#D55E00"],
      ["sold", "closed", "exit", 1, "x", "#D55E00"],
      ["bought back", "closed", "exit", -1, "x", "#0072B2"],
    ];
    return groups.map(([label, moment, at, side, symbol, line]) => {
      const found = [];
      for (let i = 0; i < trades.count; i += 1) {
        const when = column[moment][i];
        if (column.symbol[i] === own && when >= from && when <= to && column.size[i] * side > 0) found.push(i);
      }
      return {
        type: "scatter", mode: "markers", name: label, x: found.map((i) => time(column[moment][i])),
        y: found.map((i) => rounded(column[at][i])),
        text: found.map((i) => `${label} at ${trades.price(column[at][i])}, PnL ${
          column.pnl[i].toFixed(2)}${moment === "closed" ? `, ${trades.reasons[column.reason[i]]}` : ""}`),
        hovertemplate: "%{x}: %{text}<extra></extra>",
        marker: { symbol, color: line, size: moment === "opened" ? 9 : 7, line: { width: 0.5, color: colour("paper") } },
      };
    });
  };

  // The list of trades has none of these, because they are not closed.
  const openMarks = (name, from, to) => {
    const found = bars.open.filter((one) => one.symbol === name && one.opened >= from && one.opened <= to);
    return found.map((one) => ({
      type: "scatter", mode: "markers", name: "open at the end", x: [time(one.opened)], y: [rounded(one.entry)],
      text: [`${one.size > 0 ? "bought" : "sold short"} at ${rounded(one.entry)}, open at the end`],
      hovertemplate: "%{x}: %{text}<extra></extra>",
      marker: { symbol: one.size > 0 ? "triangle-up-open" : "triangle-down-open",
        color: one.size > 0 ? "#0072B2" : "#D55E00", size: 11, line: { width: 2 } },
    }));
  };

  const drawPart = (part) => {
    const start = bars.start[part], stop = bars.start[part + 1] ?? bars.bars;
    const x = [], candles = { open: [], high: [], low: [], close: [] }, expected = [];
    for (let bar = start; bar < stop; bar += 1) {
      x.push(time(bars.first[part] + bars.unit * minute[bar]));
      Object.values(candles).forEach((list, place) =>
        list.push(rounded(bars.low[part] + bars.step[part] * price[4 * bar + place])));
      if (forecast) expected.push(forecast[bar] === UNKNOWN ? null
        : rounded(bars.forecast_low[part] + bars.forecast_step[part] * forecast[bar]));
    }
    const name = bars.symbols[bars.symbol[part]];
    const last = bars.first[part] + bars.unit * minute[stop - 1];
    const traces = [
      { type: "candlestick", name, x, ...candles, line: { width: 1 },
        increasing: { line: { color: "#009E73" } }, decreasing: { line: { color: "#8A8A8A" } } },
      ...marks(part, name, bars.first[part], last), ...openMarks(name, bars.first[part], last),
    ];
    const gaps = bars.daily ? { rangebreaks: [{ bounds: ["sat", "mon"] }] } : {};
    const layout = {
      height: 480, xaxis: { type: "date", rangeslider: { visible: false }, ...gaps,
        anchor: forecast ? "y2" : "y", title: { text: "time at the exchange" } },
      yaxis: { domain: forecast ? [0.3, 1] : [0, 1], zeroline: false, title: { text: "price" } },
    };
    if (forecast) {
      traces.push({ type: "bar", name: "forecast", x, y: expected, yaxis: "y2",
        marker: { color: "#E69F00" }, hovertemplate: "%{x}: %{y:.2f} bp<extra></extra>" });
      layout.yaxis2 = { domain: [0, 0.22], title: { text: "forecast, bp" } };
    }
    plot.first = layout;
    show(plot, traces, layout);
    whole(plot);
  };

  const chooseSymbol = () => {
    const parts = partsOf(Number(symbolChoice.value));
    if (!dayChoice) { drawPart(parts[0]); return; }
    const before = dayChoice.selectedOptions[0]?.text;
    dayChoice.replaceChildren(...parts.map((part) => new Option(bars.days[part], part)));
    const same = parts.find((part) => bars.days[part] === before);
    if (same !== undefined) dayChoice.value = same;
    drawPart(Number(dayChoice.value));
  };
  const step = (by) => () => {
    const place = dayChoice.selectedIndex + by;
    if (place < 0 || place >= dayChoice.length) return;
    dayChoice.selectedIndex = place;
    drawPart(Number(dayChoice.value));
  };
  symbolChoice.addEventListener("change", chooseSymbol);
  dayChoice?.addEventListener("change", () => drawPart(Number(dayChoice.value)));
  document.getElementById("price-back")?.addEventListener("click", step(-1));
  document.getElementById("price-next")?.addEventListener("click", step(1));
  drawLater(plot, chooseSymbol);
}
