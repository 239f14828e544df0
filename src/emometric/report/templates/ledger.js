// The ledger: sorted by any column, filtered by paper, corpus, verdict and words. Without it the
// table is whole, in the order of the papers.
(() => {
  const table = document.getElementById("ledger-table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const count = document.getElementById("ledger-count");
  const filters = [...document.querySelectorAll("#ledger [data-filter]")];
  const words = document.getElementById("ledger-words");

  const show = () => {
    const text = words.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = filters.every((f) => !f.value || row.dataset[f.dataset.filter] === f.value);
      row.hidden = !fits || (text && !row.textContent.toLowerCase().includes(text));
      if (!row.hidden) shown += 1;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
  };
  const compare = (column, isNumber, sign) => (a, b) => {
    const [left, right] = [value(a, column), value(b, column)];
    if (left === "" || right === "") return (left === "") - (right === ""); // what lacks a value, last
    const order = isNumber ? left - right : left.localeCompare(right, "en", { numeric: true });
    return sign * order;
  };
  for (const head of table.tHead.rows[0].cells) {
    const button = head.querySelector("button");
    if (!button) continue;
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      const isNumber = "number" in head.dataset;
      body.append(...[...rows].sort(compare(head.cellIndex, isNumber, falls ? -1 : 1)));
    });
  }
  for (const control of [...filters, words]) control.addEventListener("input", show);
  document.getElementById("ledger-reset").addEventListener("click", () => {
    for (const control of [...filters, words]) control.value = "";
    show();
  });
  for (const link of document.querySelectorAll("a[data-ledger]")) {
    link.addEventListener("click", () => {
      for (const filter of filters) filter.value = link.dataset[filter.dataset.filter] ?? "";
      words.value = "";
      show();
    });
  }
  show();
})();
