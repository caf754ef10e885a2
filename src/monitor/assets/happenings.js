// Connections that come and go, as they do.

import { h } from "./dom.js";
import { timeOfDay } from "./format.js";
import { Part } from "./part.js";
import { Table, buttonCell } from "./table.js";

const SHOWN = 30;

export class Happenings {
  #held = false;
  #model;
  #table;

  constructor(model, detail) {
    this.#model = model;
    const hold = h("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => this.#hold(hold) }, "Hold");
    const part = new Part("happenings", "Events", { tools: [hold] });
    this.#table = new Table({
      columns: [
        { label: "Time", className: "mono", text: (row) => timeOfDay(row.at) },
        { label: "What", cell: whatCell },
        { label: "Name", className: "name", cell: buttonCell((row) => row.name || (row.cid ? `#${row.cid}` : ""), (row) => row.cid && detail.open({ cid: row.cid, name: row.name })) },
        { label: "Address", className: "mid mono", text: (row) => row.ip ?? "" },
        { label: "Account", className: "mid clip", text: (row) => row.account ?? "" },
        { label: "Reason", className: "clip", text: (row) => row.reason ?? "", title: (row) => row.reason },
      ],
      identify: (row) => row.key,
      caption: "Connections that came and went, newest first",
      empty: "Nobody has come or gone since this page was opened.",
    });
    this.#table.update([]);
    part.body.append(h("div", { class: "panel" }, this.#table.element));
    model.addEventListener("happenings", () => this.#show());
  }

  #hold(button) {
    this.#held = !this.#held;
    button.setAttribute("aria-pressed", String(this.#held));
    button.textContent = this.#held ? "Go on" : "Hold";
    this.#show();
  }

  #show() {
    if (!this.#held) this.#table.update(this.#model.happenings.slice(0, SHOWN));
  }
}

function whatCell(row, td) {
  if (td.dataset.what === row.what) return;
  td.dataset.what = row.what;
  td.className = "what";
  td.textContent = row.what === "more" ? `${row.hidden} more` : row.what;
}
