// The equity of any row of the leaderboard that the reader ticks.
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#9A6B4A", "#8A8A8A"];

const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u2: Uint16Array, u1: Uint8Array };
const unpack = ({ dtype, bdata }) => new KINDS[dtype](
  Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0)).buffer);

const values = (id) => {
  const found = document.getElementById(id);
  return found ? JSON.parse(found.textContent) : null;
};

const curves = values("variant-curves");
if (curves && ranking) {
  const { sessions } = curves;
  const pnl = unpack(curves.pnl);
  const plot = document.getElementById("chart-variants");
  const ticked = new Map();

  const drawTicked = () => {
    const traces = Array.from(ticked.values(), ({ name, curve, colour: line }) => ({
      type: "scatter", mode: "lines", name, x: sessions, line: { color: line, width: 1.8 },
      y: Array.from(pnl.subarray(curve * sessions.length, (curve + 1) * sessions.length)),
      hovertemplate: "%{x|%Y-%m-%d}: %{y:,.2f}",
    }));
    show(plot, traces, { height: 320, xaxis: { type: "date", title: { text: "session" } },
      yaxis: { title: { text: "PnL, account currency" } } });
    document.getElementById("ticked").replaceChildren(...traces.map((one) => {
      const entry = document.createElement("li");
      const line = document.createElement("i");
      line.style.setProperty("--c", one.line.color);
      entry.append(line, one.name);
      return entry;
    }));
  };

  // Neighbours on a grid have nearly the same curve: begin with three configurations.
  const known = new Set();
  Array.from(ranking.tBodies[0].rows).filter((row) => row.dataset.curve).forEach((row) => {
    const cell = row.cells[1];
    const name = cell.textContent;
    const box = document.createElement("input");
    box.type = "checkbox";
    box.setAttribute("aria-label", `Draw ${name}`);
    const tick = () => {
      const used = new Set(Array.from(ticked.values(), (one) => one.colour));
      const free = COLOURS.find((one) => !used.has(one));
      if (box.checked && !free) box.checked = false;
      else if (box.checked) ticked.set(row, { name, curve: Number(row.dataset.curve), colour: free });
      else ticked.delete(row);
    };
    box.addEventListener("change", () => { tick(); drawTicked(); });
    cell.prepend(box, " ");
    const [configuration] = name.split(" ");
    if (known.size < 3 && !known.has(configuration)) {
      known.add(configuration);
      box.checked = true;
      tick();
    }
  });
  drawLater(plot, drawTicked);
}
