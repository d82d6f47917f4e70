"use strict";
(() => {
  const table = document.getElementById("ranking");
  if (table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const find = document.getElementById("find");
    const role = document.getElementById("role");
    const count = document.getElementById("count");
    const texts = rows.map((row) => row.textContent.toLowerCase());

    const filter = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, number) => {
        const fits = words.every((word) => texts[number].includes(word)) &&
          (!role.value || row.dataset.role === role.value);
        row.hidden = !fits;
        shown += fits;
      });
      count.textContent = shown.toLocaleString("en") + " shown";
    };

    // Undefined values stay last in both sort directions.
    const value = (row, column) => {
      const cell = row.cells[column];
      if (!cell.classList.contains("n")) return cell.textContent;
      return cell.dataset.v === "" ? null : Number(cell.dataset.v);
    };
    const sort = (column, sign) => {
      const order = rows.slice().sort((a, b) => {
        const x = value(a, column), y = value(b, column);
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
      });
      body.append(...order);
    };
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => head.addEventListener("click", () => {
      const sorted = head.getAttribute("aria-sort");
      const first = head.classList.contains("n") && column > 0 ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const next = sorted === first ? other : first;
      heads.forEach((one) => one.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", next);
      sort(column, next === "ascending" ? 1 : -1);
    }));
    find.addEventListener("input", filter);
    role.addEventListener("change", filter);
    filter();
  }

  // Charts are as wide as the screen, so they are resized for paper, which is narrower.
  const charts = () => Array.from(document.querySelectorAll(".js-plotly-plot"));
  const paper = 680;
  window.addEventListener("beforeprint", () => charts().forEach((chart) => {
    const columns = chart.closest(".grid") ? 2 : 1;
    Plotly.relayout(chart, { autosize: false, width: paper / columns - (columns - 1) * 12 });
  }));
  window.addEventListener("afterprint", () => charts().forEach((chart) =>
    Plotly.relayout(chart, { autosize: true, width: null })));
})();
