// Two results side by side: of studies of this home, or from files of other pages.
const summariesFound = document.getElementById("summaries");
if (summariesFound) {
  const summaries = JSON.parse(summariesFound.textContent);
  const part = (name) => document.getElementById(`compare-${name}`);
  const choices = [part("a"), part("b")];
  const COLOURS = ["#0072B2", "#E69F00"];
  const label = (one) => (one.file ? `${one.study} (${one.file})` : one.study);

  const fill = () => choices.forEach((choice, place) => {
    const before = choice.value;
    choice.replaceChildren(...summaries.map((one, number) => new Option(label(one), number)));
    choice.value = before || Math.min(place, summaries.length - 1);
  });

  const svg = (name, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.textContent = text;
    return made;
  };

  // Profit since the start by session; both on one time axis.
  const drawBoth = (both) => {
    const [width, height, left, bottom] = [1000, 300, 80, 24];
    const times = both.flatMap((one) => one.sessions.map(Date.parse));
    const profits = [0, ...both.flatMap((one) => one.pnl)];
    const [from, to] = [Math.min(...times), Math.max(...times)];
    const [low, high] = [Math.min(...profits), Math.max(...profits)];
    const x = (time) => left + ((time - from) / (to - from || 1)) * (width - left - 10);
    const y = (pnl) => 10 + ((high - pnl) / (high - low || 1)) * (height - bottom - 20);
    const names = both.map(label).join(" and ");
    const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `PnL by session of ${names}`, style: "width:100%" });
    [low, 0, high].filter((value, place, all) => all.indexOf(value) === place).forEach((value) => chart.append(
      svg("line", { x1: left, x2: width - 10, y1: y(value), y2: y(value), stroke: colour("grid") }),
      svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", "font-size": 12,
        fill: colour("ink") }, value.toLocaleString("en", { maximumFractionDigits: 0 }))));
    [[from, "start"], [to, "end"]].filter(([time]) => Number.isFinite(time)).forEach(([time, anchor]) =>
      chart.append(svg("text", { x: x(time), y: height - 4, "text-anchor": anchor,
        "font-size": 12, fill: colour("ink") }, new Date(time).toISOString().slice(0, 10))));
    both.forEach((one, place) => chart.append(svg("polyline", { fill: "none", "stroke-width": 2,
      stroke: COLOURS[place],
      points: one.pnl.map((pnl, i) => `${x(Date.parse(one.sessions[i]))},${y(pnl)}`).join(" ") })));
    const legend = document.createElement("ul");
    legend.className = "legend";
    both.forEach((one, place) => {
      const entry = document.createElement("li");
      const line = document.createElement("i");
      line.style.setProperty("--c", COLOURS[place]);
      entry.append(line, `${label(one)}: PnL, account currency`);
      legend.append(entry);
    });
    part("chart").replaceChildren(legend, chart);
  };

  const compare = () => {
    const both = choices.map((choice) => summaries[choice.value]);
    both.forEach((one, place) => { part(`name-${"ab"[place]}`).textContent = label(one); });
    const told = (one) => ({ "first in rank": one.configuration, verdict: one.verdict,
      variants: one.variants.toLocaleString("en"),
      sessions: one.sessions.length ? `${one.sessions.length}, ${one.sessions[0]} to ${
        one.sessions.at(-1)}` : "-", ...one.figures });
    const [a, b] = both.map(told);
    part("rows").replaceChildren(...Array.from(new Set([...Object.keys(a), ...Object.keys(b)]), (name) => {
      const row = document.createElement("tr");
      [name, a[name] ?? "-", b[name] ?? "-"].forEach((text, place) => {
        const cell = row.insertCell();
        cell.textContent = text;
        if (place) cell.className = "n";
      });
      return row;
    }));
    drawBoth(both);
  };

  part("file").addEventListener("change", async (event) => {
    const said = [];
    for (const file of event.target.files) {
      const found = (await file.slice(0, 1e6).text())
        .match(/<script type="application\/json" id="summary">(.*?)<\/script>/);
      if (found) summaries.push({ ...JSON.parse(found[1]), file: file.name });
      else said.push(`${file.name} is not the page of a report, or was written by an earlier version.`);
    }
    part("said").textContent = said.join(" ");
    fill();
    if (!said.length) choices[1].value = summaries.length - 1;
    compare();
  });
  choices.forEach((choice) => choice.addEventListener("change", compare));
  themeListeners.push(compare);
  fill();
  compare();
}
