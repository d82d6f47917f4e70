// Charts: drawn when they come near, or while nothing else happens; each can be zoomed
// with the mouse or the keyboard, and gives its data as CSV.
const CONFIG = { displayModeBar: false, responsive: true, scrollZoom: false };
const touch = matchMedia("(pointer: coarse)").matches;

const axisNames = (layout) => Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));

const styled = (layout) => {
  const axis = {
    gridcolor: colour("grid"), zerolinecolor: colour("zero"), zeroline: true,
    automargin: true, fixedrange: touch,
  };
  const made = {
    template: {}, showlegend: false, hovermode: "closest", bargap: 0.15,
    dragmode: touch ? false : "zoom", margin: { l: 8, r: 12, t: 8, b: 8 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", ...layout,
    font: { family: "system-ui, sans-serif", size: 12, color: colour("ink") },
    hoverlabel: { bgcolor: colour("paper"), font: { color: colour("ink") } },
  };
  axisNames(made).forEach((name) => {
    const own = made[name];
    made[name] = { ...axis, ...own, title: { standoff: 8, ...own.title } };
  });
  return made;
};

const plots = () => Array.from(document.querySelectorAll(".plot"));
const isDrawn = (plot) => plot.classList.contains("js-plotly-plot");

const draw = (plot) => {
  const figure = plot.nextElementSibling;
  if (isDrawn(plot)) return;
  if (!figure) { makers.get(plot)?.(); return; }
  const { data, layout } = JSON.parse(figure.textContent);
  show(plot, data, layout);
};

// Draw a figure, also where another one was drawn before.
const show = (plot, data, layout) => {
  Plotly.react(plot, data, styled(layout), CONFIG);
  if (!plot.dataset.tools) addTools(plot);
};

const addTools = (plot) => {
  plot.dataset.tools = "yes";
  const named = plot.getAttribute("aria-label");
  const tools = document.createElement("div");
  tools.className = "tools";
  tools.append(
    button("CSV", `Data of the ${named.toLowerCase()} as CSV`,
      () => save(`${plot.id}.csv`, csv(tableOf(plot)))),
    button("Whole", `Show the whole ${named.toLowerCase()}`, () => whole(plot)),
  );
  plot.parentElement.prepend(tools);
  plot.addEventListener("keydown", (event) => onKey(plot, event));
};

const COLUMNS = ["open", "high", "low", "close", "z"];

// One row per point: series, x, y or what the kind of the chart has, and its text.
const tableOf = (plot) => {
  draw(plot);
  const traces = plot._fullData.filter((one) => one.x && one.meta !== "skip");
  const columns = COLUMNS.filter((name) => traces.some((one) => one[name] !== undefined));
  const title = (axis) => plot.layout[axis]?.title?.text || axis[0];
  const rows = [["series", title("xaxis"), title("yaxis"), ...columns]];
  traces.forEach((one) => {
    const at = (name, i) => (one[name] === undefined ? "" : one[name][i]);
    if (one.type === "heatmap") {
      one.y.forEach((y, j) => one.x.forEach((x, i) =>
        rows.push([one.name, x, y, ...columns.map((c) => (c === "z" ? one.z[j][i] : ""))])));
      return;
    }
    Array.from(one.x).forEach((x, i) => {
      if (x !== null) rows.push([one.name, x, at("y", i), ...columns.map((c) => at(c, i))]);
    });
  });
  return rows;
};

const whole = (plot) => {
  const figure = plot.nextElementSibling;
  const ranges = plot.first || (figure ? JSON.parse(figure.textContent).layout : {});
  const change = {};
  axisNames(plot.layout).forEach((name) => {
    if (ranges[name]?.range) change[`${name}.range`] = ranges[name].range;
    else change[`${name}.autorange`] = ranges[name]?.autorange || true;
  });
  Plotly.relayout(plot, change);
};

// Zoom with + and -, move with the arrows, and show everything with 0.
const onKey = (plot, event) => {
  const steps = { "+": [0.25, -0.25], "=": [0.25, -0.25], "-": [-0.5, 0.5],
    ArrowLeft: [-0.2, -0.2], ArrowRight: [0.2, 0.2] }[event.key];
  if (event.key === "0" || event.key === "Escape") whole(plot);
  else if (steps) {
    const axis = plot._fullLayout.xaxis;
    const [low, high] = axis.range.map((end) => axis.r2l(end));
    Plotly.relayout(plot, { "xaxis.range": steps.map((step, i) =>
      axis.l2r([low, high][i] + step * (high - low))) });
  } else return;
  event.preventDefault();
};

themeListeners.push(() => plots().filter(isDrawn).forEach((plot) => {
  const change = { "font.color": colour("ink"), "hoverlabel.bgcolor": colour("paper"),
    "hoverlabel.font.color": colour("ink") };
  axisNames(plot.layout).forEach((name) => {
    change[`${name}.gridcolor`] = colour("grid");
    change[`${name}.zerolinecolor`] = colour("zero");
  });
  Plotly.relayout(plot, change);
}));

// Figures that a script of the page makes, by their plot, until they are drawn.
const makers = new Map();
const drawLater = (plot, make) => { makers.set(plot, make); near.observe(plot); };

const near = new IntersectionObserver((seen) => seen.forEach((one) => {
  if (one.isIntersecting) { draw(one.target); near.unobserve(one.target); }
}), { rootMargin: "600px" });
plots().forEach((plot) => near.observe(plot));

const later = window.requestIdleCallback || ((act) => setTimeout(act, 50));
const drawRest = () => {
  const next = plots().find((plot) => !isDrawn(plot) && (plot.nextElementSibling || makers.has(plot)));
  if (next) {
    draw(next);
    later(drawRest);
  }
};
later(drawRest);

// Charts are as wide as the screen, so they are resized for paper, which is narrower.
const PAPER = 680;
addEventListener("beforeprint", () => plots().forEach((plot) => {
  draw(plot);
  if (!isDrawn(plot)) return;
  const columns = plot.closest(".grid") ? 2 : 1;
  Plotly.relayout(plot, { autosize: false, width: PAPER / columns - (columns - 1) * 12 });
}));
addEventListener("afterprint", () => plots().filter(isDrawn).forEach((plot) =>
  Plotly.relayout(plot, { autosize: true, width: null })));
