// The list of trades: sorted, filtered, and shown a page at a time.
const trades = values("trades-data");
if (trades) {
  const PAGE = 50;
  const table = document.getElementById("trades-table");
  const column = {};
  ["symbol", "reason", "opened", "closed", "size", "entry", "exit", "pnl", "forecast"]
    .filter((name) => trades[name]).forEach((name) => { column[name] = unpack(trades[name]); });
  Object.assign(trades, { column, count: column.symbol.length });
  trades.move = (i) => 100 * Math.sign(column.size[i]) *
    (column.exit[i] - column.entry[i]) / Math.abs(column.entry[i]);
  trades.when = (minutes) => new Date(minutes * 60000).toISOString()
    .slice(0, trades.daily ? 10 : 16).replace("T", " ");

  const fixed = (digits) => (value) => (Number.isFinite(value)
    ? value.toLocaleString("en", { minimumFractionDigits: digits,
      maximumFractionDigits: digits, signDisplay: "negative" })
    : "-");
  const price = trades.price = fixed(trades.decimals);
  const whole = (value) => value.toLocaleString("en", { maximumFractionDigits: 4 });
  const cells = [
    [(i) => trades.symbols[column.symbol[i]], String],
    [(i) => column.opened[i], trades.when],
    [(i) => column.closed[i], trades.when],
    [(i) => column.size[i], whole],
    [(i) => column.entry[i], price],
    [(i) => column.exit[i], price],
    [trades.move, fixed(3)],
    [(i) => column.pnl[i], fixed(2)],
    ...(column.forecast ? [[(i) => column.forecast[i], fixed(2)]] : []),
    [(i) => trades.reasons[column.reason[i]], String],
  ];
  const PNL = 7;

  const choice = (id, names) => {
    const select = document.getElementById(id);
    names.forEach((name) => select.add(new Option(name)));
    select.addEventListener("change", () => { first = 0; write(); });
    return select;
  };
  const every = Array.from({ length: trades.count }, (_, i) => i);
  let order = every, first = 0;
  const symbol = choice("trade-symbol", trades.symbols);
  const reason = choice("trade-reason", trades.reasons);
  const chosen = () => order.filter((i) =>
    (!symbol.value || trades.symbols[column.symbol[i]] === symbol.value) &&
    (!reason.value || trades.reasons[column.reason[i]] === reason.value));

  const write = () => {
    const fit = chosen();
    first = Math.max(0, Math.min(first, fit.length - 1));
    const shown = fit.slice(first, first + PAGE);
    table.tBodies[0].replaceChildren(...shown.map((i) => {
      const row = document.createElement("tr");
      cells.forEach(([value, text], place) => {
        const cell = row.insertCell();
        cell.textContent = text(value(i));
        cell.className = table.tHead.rows[0].cells[place].className;
        if (place === PNL) cell.classList.add(value(i) < 0 ? "loss" : "gain");
      });
      return row;
    }));
    document.getElementById("trade-count").textContent = fit.length
      ? `${(first + 1).toLocaleString("en")} to ${(first + shown.length).toLocaleString("en")} of ${
        fit.length.toLocaleString("en")}` : "none fits";
  };
  const turn = (pages) => () => {
    const next = first + pages * PAGE;
    if (next >= 0 && next < chosen().length) { first = next; write(); }
  };
  document.getElementById("trade-back").addEventListener("click", turn(-1));
  document.getElementById("trade-next").addEventListener("click", turn(1));
  document.getElementById("trade-csv").addEventListener("click", () => save("trades.csv", csv([
    Array.from(table.tHead.rows[0].cells, (head) => head.textContent),
    ...chosen().map((i) => cells.map(([value, text], place) =>
      (place === 1 || place === 2 ? text(value(i)) : value(i)))),
  ])));
  sortable(table, (place, sign) => {
    const [value] = cells[place];
    const key = (i) => { const found = value(i); return Number.isNaN(found) ? null : found; };
    order = every.slice().sort((a, b) => compared(key(a), key(b), sign));
    first = 0;
    write();
  });
  write();
}
