// Slow consumers: who was closed for it, and who may be next.

import { ask } from "./api.js";
import { displayName } from "./connections.js";
import { h } from "./dom.js";
import { bytes, count, timeOfDay } from "./format.js";
import { Part } from "./part.js";
import { Table, buttonCell } from "./table.js";

const INTERVAL = 4000;
const SHOWN = 6;

export class SlowConsumers {
  #part = new Part("slow", "Slow consumers");
  #limit = 0;
  #pending;
  #closed;

  constructor(model, detail) {
    const name = { label: "Name", className: "name", cell: buttonCell(displayName, (row) => detail.open(row)), title: displayName };
    const identify = (row) => row.cid;
    this.#pending = new Table({
      columns: [name, { label: "Of the limit", cell: (row, td) => this.#meter(row, td) }, { label: "Waiting", number: true, text: (row) => bytes(row.pending_bytes) }],
      identify,
      caption: "Connections whose reader lags",
      empty: "No connection has anything waiting.",
    });
    this.#closed = new Table({
      columns: [name, { label: "Closed for", className: "clip", text: (row) => row.reason, title: (row) => row.reason }, { label: "At", number: true, text: (row) => timeOfDay(Date.parse(row.stop)) }],
      identify,
      caption: "Connections closed as slow consumers",
      empty: "None was closed for being slow.",
    });
    this.#part.body.append(h("div", { class: "panel" }, this.#pending.element, this.#closed.element));
    model.addEventListener("sample", () => {
      const total = model.history.last?.slow_consumers;
      this.#part.setCount(count(total), total > 0 ? "warn" : null);
    });
    this.#part.every(INTERVAL, async (signal) => {
      this.#limit = model.varz?.max_pending ?? 0;
      const open = { state: "open", sort: "pending", order: "desc", limit: SHOWN };
      const closed = { state: "closed", sort: "stop", order: "desc", match: "slow consumer", limit: SHOWN };
      const [waiting, gone] = await Promise.all([open, closed].map((asked) => ask("dashboard/connections", asked, { signal })));
      this.#pending.update(waiting.connections.filter((row) => row.pending_bytes > 0));
      this.#closed.update(gone.connections);
    });
  }

  #meter(row, td) {
    const meter = td.firstElementChild ?? td.appendChild(h("meter", { min: 0, "aria-label": "Pending bytes, of what may be pending" }));
    meter.max = this.#limit || 1;
    meter.high = this.#limit * 0.5;
    meter.optimum = 0;
    meter.value = row.pending_bytes;
  }
}
