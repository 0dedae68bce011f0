// On a phone, writes each row of a table that is too wide as a block with the headings next to the values. No network.
"use strict";
(() => {
  const MAX_STACKED = 12;
  const ROLES = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
  const phone = matchMedia("(max-width: 600px)");

  // The headings as text of each cell, and the roles that elements lose when they are no longer laid out as a table.
  const prepare = table => {
    if (table.dataset.prepared) return;
    table.dataset.prepared = "yes";
    const headings = [...table.tHead.rows[0].cells].map(one => one.textContent);
    for (const row of table.tBodies[0].rows)
      [...row.cells].forEach((cell, i) => { if (cell.tagName === "TD") cell.dataset.label = headings[i]; });
    for (const one of [table, ...table.querySelectorAll("thead, tbody, tr, th, td")])
      one.setAttribute("role", ROLES[one.tagName] ?? (one.scope === "row" ? "rowheader" : "columnheader"));
  };

  const fit = scroll => {
    const table = scroll.querySelector("table");
    if (!table.tHead || table.classList.contains("grid") || table.tHead.rows[0].cells.length > MAX_STACKED) return;
    table.classList.remove("stacked");
    if (!phone.matches || scroll.scrollWidth <= scroll.clientWidth) return;
    prepare(table);
    table.classList.add("stacked");
  };

  const widths = new Map();
  // In the next frame: a change of sizes while they are observed is reported as an error of the page.
  const observer = new ResizeObserver(entries => requestAnimationFrame(() => {
    for (const { target } of entries) {
      const scroll = target.closest(".scroll"), isNew = target !== scroll && scroll.scrollWidth > scroll.clientWidth;
      if (!scroll.clientWidth || (widths.get(scroll) === scroll.clientWidth && !isNew)) continue;
      widths.set(scroll, scroll.clientWidth);
      fit(scroll);
    }
  }));
  // The table too: a script may fill it after the width of the page is known.
  for (const scroll of document.querySelectorAll(".scroll")) {
    observer.observe(scroll);
    observer.observe(scroll.querySelector("table"));
  }
})();
