// A table whose rows are kept and changed in place: focus, selection and scrolling survive every refresh.

import { h, setText } from "./dom.js";

/**
 * columns: [{ key, label, number, sort, className, text(row), title(row), cell(row, td) }]. `sort` names the order the column
 * asks for; `cell` fills the td itself, else `text` is shown. Rows are told apart by `identify(row)`.
 */
export class Table {
  #columns;
  #identify;
  #onSort;
  #rows = new Map();
  #heads = new Map();
  #body = h("tbody");
  #empty;

  constructor({ columns, identify, caption, empty, onSort = null, className = "" }) {
    this.#columns = columns;
    this.#identify = identify;
    this.#onSort = onSort;
    this.#empty = h("p", { class: "empty", hidden: true }, empty);
    const heads = columns.map((column) => this.#head(column));
    this.table = h("table", { class: className }, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, h("tr", {}, heads)), this.#body);
    this.element = h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": caption }, this.table, this.#empty);
  }

  #head(column) {
    const classes = [column.number ? "number" : "", column.className ?? ""].join(" ").trim();
    const th = h("th", { scope: "col", class: classes || null });
    if (column.sort && this.#onSort) {
      th.append(h("button", { type: "button", class: "sort", onclick: () => this.#onSort(column.sort) }, column.label, h("i", { class: "arrow", "aria-hidden": "true" })));
      this.#heads.set(column.sort, th);
    } else {
      th.append(column.label);
    }
    if (column.hint) th.title = column.hint;
    return th;
  }

  /** Marks the column the rows are sorted by. */
  markSort(order, descending) {
    for (const [name, th] of this.#heads) {
      if (name === order) th.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
  }

  /** Says what an empty table means. */
  setEmptyText(text) {
    setText(this.#empty, text);
  }

  /** Shows these rows in this order. */
  update(rows) {
    const kept = new Map();
    const order = rows.map((row) => {
      const identity = this.#identify(row);
      const line = this.#rows.get(identity) ?? this.#line();
      kept.set(identity, line);
      this.#columns.forEach((column, at) => fillCell(column, row, line.cells[at]));
      return line.element;
    });
    for (const [identity, line] of this.#rows) if (!kept.has(identity)) line.element.remove();
    this.#rows = kept;
    order.forEach((element, at) => {
      if (this.#body.children[at] !== element) this.#body.insertBefore(element, this.#body.children[at] ?? null);
    });
    this.#empty.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
  }

  #line() {
    const cells = this.#columns.map((column) => {
      const classes = [column.number ? "number" : "", column.className ?? ""].join(" ").trim();
      return h("td", { class: classes || null });
    });
    return { element: h("tr", {}, cells), cells };
  }
}

function fillCell(column, row, td) {
  if (column.cell) column.cell(row, td);
  else setText(td, String(column.text(row) ?? ""));
  const title = column.title?.(row);
  if (title && td.title !== title) td.title = title;
}

/** A cell that is a button: it keeps its element, and with it the focus, while rows change. */
export function buttonCell(text, action, className = "link") {
  return (row, td) => {
    const button = td.firstElementChild ?? td.appendChild(h("button", { type: "button", class: className }));
    setText(button, text(row));
    button.onclick = () => action(row);
  };
}

/** A cell with a second, quieter text: { main, side } of a row. `sideFirst` puts it in front, so that figures line up. */
export function pairCell(texts, { sideFirst = false } = {}) {
  return (row, td) => {
    if (!td.firstElementChild) {
      const parts = [h("span", { class: "main" }), h("span", { class: "side" })];
      td.append(...(sideFirst ? parts.reverse() : parts));
    }
    const { main, side } = texts(row);
    setText(td.querySelector(".main"), main);
    setText(td.querySelector(".side"), side ?? "");
  };
}
