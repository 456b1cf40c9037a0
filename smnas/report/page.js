// Draws the plots, in the colours of the page, and lets tables be sorted by their headings.
(function () {
  "use strict";

  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtonsToRemove: ["lasso2d", "select2d"] };

  function themed(figure) {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: color("--grid"), linecolor: color("--line"), zerolinecolor: color("--line") };
    const layout = {
      "font.color": color("--ink"),
      "hoverlabel.bgcolor": color("--card"),
      "hoverlabel.bordercolor": color("--line"),
      "hoverlabel.font.color": color("--ink"),
    };
    for (const name in figure.layout) {
      if (!/^[xy]axis/.test(name)) continue;
      for (const key in axis) layout[name + "." + key] = axis[key];
    }
    return layout;
  }

  const drawn = [];

  function draw(name) {
    const target = document.getElementById(name + "-plot");
    if (!target) return;
    const figure = JSON.parse(document.getElementById(name + "-figure").textContent);
    Plotly.newPlot(target, figure.data, figure.layout, CONFIG).then(function () {
      drawn.push(target);
      return Plotly.relayout(target, themed(figure));
    });
  }

  function value(row, column) {
    const cell = row.cells[column];
    const text = cell.dataset.value || cell.textContent.trim();
    const number = Number(text);
    return Number.isNaN(number) ? text : number;
  }

  function sortBy(heading) {
    const table = heading.closest("table");
    const body = table.tBodies[0];
    const up = heading.getAttribute("aria-sort") === "descending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = Array.from(body.rows);
    rows.sort(function (a, b) {
      const x = value(a, heading.cellIndex);
      const y = value(b, heading.cellIndex);
      const order = typeof x === typeof y ? (x > y) - (x < y) : typeof x === "number" ? 1 : -1;
      return up ? order : -order;
    });
    body.append(...rows);
  }

  draw("front");
  draw("growth");
  draw("findings");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    for (const target of drawn) Plotly.relayout(target, themed(target));
  });
  for (const heading of document.querySelectorAll(".sortable th")) {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sortBy(heading));
    heading.addEventListener("keydown", (event) => { if (event.key === "Enter") sortBy(heading); });
  }
})();
