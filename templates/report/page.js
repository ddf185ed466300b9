"use strict";
// Everything that can be read stands in the page without this. It adds search, filter, sort, pages and copying.
(() => {
  const PAGE = 100; // So many lines are in the page at a time: 100,000 would make it slow.
  document.documentElement.classList.add("scripted");

  const number = (n) => n.toLocaleString("en-US");

  // A table whose lines are searched, filtered, sorted and shown page by page.
  function browse(section) {
    const table = section.querySelector("table");
    const body = table.tBodies[0];
    const find = (name) => section.querySelector(`[data-${name}]`);
    const [search, state, column, output] = ["search", "state", "column", "count"].map(find);
    const [back, on, where] = ["back", "on", "where"].map(find);
    const pages = section.querySelector(".pages");
    // Of long tables most lines wait in a template, which costs the browser no layout.
    const waiting = body.querySelector("template");
    const rows = waiting ? [...body.rows, ...waiting.content.children] : [...body.rows];
    const id = (row) => row.querySelector("small.id")?.title ?? "";
    const lines = rows.map((row, place) => ({ row, place, text: `${row.cells[0].textContent} ${id(row)}`.toLowerCase() }));
    const unit = output.dataset.count;
    let order = lines;
    let shown = lines;
    let first = 0;

    // Which states the cells of a line have: its own or those of one column.
    const has = (line, wanted, at) => {
      const cells = line.row.cells;
      for (let n = at > 0 ? at : 1; n < (at > 0 ? at + 1 : cells.length); n += 1) {
        const cell = cells[n];
        const classes = cell.classList;
        if (wanted === "" ? !classes.contains("none") : wanted === "fell" ? cell.querySelector(".fell") : classes.contains(wanted)) {
          return true;
        }
      }
      return false;
    };

    const draw = () => {
      const rows = shown.slice(first, first + PAGE).map((line) => line.row);
      body.replaceChildren(...rows);
      const last = Math.min(first + PAGE, shown.length);
      output.value = `${number(shown.length)} of ${number(lines.length)} ${unit}`;
      pages.hidden = shown.length <= PAGE;
      where.textContent = `${number(first + 1)} to ${number(last)} of ${number(shown.length)}`;
      back.disabled = first === 0;
      on.disabled = last >= shown.length;
    };

    const filter = () => {
      const text = search.value.trim().toLowerCase();
      const wanted = state ? state.value : "";
      const at = column ? Number(column.value) : 0;
      shown = order.filter((line) => (!text || line.text.includes(text)) && ((wanted === "" && at === 0) || has(line, wanted, at)));
      first = 0;
      draw();
    };

    // What a line is sorted by: the number in a cell, else its words; what is not there comes last.
    const key = (line, at) => {
      if (at === 0) {
        return line.text;
      }
      const cell = line.row.cells[at];
      if (!cell || cell.classList.contains("none")) {
        return null;
      }
      if (cell.classList.contains("empty")) {
        return 0;
      }
      const value = cell.firstChild ? cell.firstChild.textContent.trim() : "";
      const figure = Number(value.replaceAll(",", "").split(" ")[0]);
      return value !== "" && Number.isFinite(figure) ? figure : value;
    };
    const compare = (a, b) => {
      if (a === null || b === null) {
        return a === b ? 0 : a === null ? 1 : -1;
      }
      if (typeof a !== typeof b) {
        return typeof a === "number" ? 1 : -1; // words tell of trouble: first
      }
      return a < b ? -1 : a > b ? 1 : 0;
    };
    table.querySelectorAll("thead button").forEach((button) => {
      const head = button.closest("th");
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const at = Number(button.dataset.at);
        const keyed = lines.map((line) => [key(line, at), line]);
        keyed.sort(([a, x], [b, y]) => {
          const order = compare(a, b);
          return (down && a !== null && b !== null ? -order : order) || x.place - y.place;
        });
        order = keyed.map(([, line]) => line);
        filter();
      });
    });

    search.addEventListener("input", filter);
    [state, column].forEach((choice) => choice && choice.addEventListener("change", filter));
    const turn = (by) => () => {
      first += by;
      draw();
      section.querySelector(".scroll").scrollIntoView({ block: "nearest" });
    };
    back.addEventListener("click", turn(-PAGE));
    on.addEventListener("click", turn(PAGE));
    // On paper stands everything that matches.
    window.addEventListener("beforeprint", () => body.replaceChildren(...shown.map((line) => line.row)));
    window.addEventListener("afterprint", draw);
    draw();
  }

  async function copy(button) {
    const ids = document.getElementById(button.dataset.copy);
    const text = Array.from(ids.querySelectorAll("code.tracking"), (code) => code.textContent).join("\n");
    const said = button.nextElementSibling;
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = "copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(ids);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      said.textContent = "selected: copy it with the keyboard";
    }
  }

  document.querySelectorAll(".browse").forEach(browse);
  document.querySelectorAll("button[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));
  // On paper nothing can be opened; what agrees is in its line.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details:not([open], .agrees)"));
    opened.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));
})();
