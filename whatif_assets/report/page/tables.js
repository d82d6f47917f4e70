// Tables that the reader sorts by a heading, and the leaderboard, which is filtered too.
// Undefined values stay last in both directions.
const cellValue = (row, column) => {
  const cell = row.cells[column];
  if (!cell.classList.contains("n")) return cell.textContent;
  return cell.dataset.v === "" ? null : Number(cell.dataset.v);
};

const compared = (x, y, sign) => {
  if (x === null || y === null) return (x === null) - (y === null);
  return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
};

// Let headings call sort(column, sign); figures begin with the largest.
const sortable = (table, sort) => {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const sorted = head.getAttribute("aria-sort");
    const first = head.classList.contains("n") && head.dataset.first !== "ascending"
      ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const next = sorted === first ? other : first;
    heads.filter((one) => one.hasAttribute("aria-sort"))
      .forEach((one) => one.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", next);
    sort(column, next === "ascending" ? 1 : -1);
  }));
};

const ranking = document.getElementById("ranking");
if (ranking) {
  const body = ranking.tBodies[0];
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
  sortable(ranking, (column, sign) => body.append(...rows.slice().sort((a, b) =>
    compared(cellValue(a, column), cellValue(b, column), sign))));
  find.addEventListener("input", filter);
  role.addEventListener("change", filter);
  filter();
}
