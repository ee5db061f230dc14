"use strict";
// A page's few movements: tables sort by a click on a head, printing opens what is
// folded, and links find their server where MLflow shows the page.
const numberOf = (text) => {
  const found = text.replace(/[≈,]/g, "").match(/^\s*(-?∞|-?[\d.]+(e[-+]?\d+)?)/i);
  if (!found) return NaN;
  return found[1].endsWith("∞") ? Infinity * (found[1][0] === "-" ? -1 : 1) : Number(found[1]);
};
const keyOf = (row, column) => row.cells[column].textContent.trim();

function sort(table, column, direction) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const known = rows.filter((row) => !["-", ""].includes(keyOf(row, column)));
  const numbers = known.every((row) => !isNaN(numberOf(keyOf(row, column))));
  const place = (row) => Number(row.dataset.place);
  rows.sort((one, other) => {
    if (!direction) return place(one) - place(other);
    const [a, b] = [keyOf(one, column), keyOf(other, column)];
    if (!known.includes(one) || !known.includes(other)) {
      return known.includes(other) - known.includes(one) || place(one) - place(other);
    }
    const less = numbers ? numberOf(a) - numberOf(b) : a.localeCompare(b);
    return direction * less || place(one) - place(other);
  });
  body.append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  [...table.tBodies[0].rows].forEach((row, place) => (row.dataset.place = place));
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      // Numbers go down first, then up, then back to the order of the study.
      const before = head.getAttribute("aria-sort");
      const next = { descending: "ascending", ascending: null }[before];
      const now = before ? next : "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (now) head.setAttribute("aria-sort", now);
      sort(table, column, now ? (now === "ascending" ? 1 : -1) : 0);
    });
  });
}

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((folded) => (folded.open = true));
});
addEventListener("afterprint", () => opened.forEach((folded) => (folded.open = false)));

// In MLflow's viewer the page is a blob in a sandbox: its server is in its address.
const viewer = location.href.match(/^blob:(https?:\/\/[^/]+)\//);
if (viewer) {
  for (const link of document.querySelectorAll("a[data-run]")) {
    link.href = `${viewer[1]}/#/runs/${link.dataset.run}`;
  }
  for (const link of document.querySelectorAll("a[data-file]")) {
    const asked = new URLSearchParams({ path: link.dataset.file, run_uuid: link.dataset.of });
    link.href = `${viewer[1]}/get-artifact?${asked}`;
  }
  document.getElementById("viewer")?.removeAttribute("hidden");
}
