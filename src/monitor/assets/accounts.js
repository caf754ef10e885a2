// Accounts: who is connected, and how much flows.

import { ask } from "./api.js";
import { count, rate, short } from "./format.js";
import { Part } from "./part.js";
import { Rates } from "./rates.js";
import { Table, buttonCell } from "./table.js";
import { h, setText } from "./dom.js";

const INTERVAL = 3000;
const MOST_ROWS = 100;

export class Accounts {
  #part = new Part("accounts", "Accounts");
  #rates = new Rates();
  #sort = { by: "conns", descending: true };
  #rows = [];
  #more = h("p", { class: "hint pad", hidden: true });
  #table;

  constructor(model) {
    const chosen = (row) => model.dispatchEvent(new CustomEvent("account", { detail: row.acc }));
    this.#table = new Table({
      columns: [
        { label: "Account", sort: "acc", className: "name", cell: buttonCell((row) => row.name || row.acc, chosen), title: (row) => `Show the connections of ${row.acc}` },
        { label: "Conns", sort: "conns", number: true, text: (row) => count(row.conns + row.leafnodes) },
        { label: "Subs", sort: "num_subscriptions", number: true, className: "mid", text: (row) => short(row.num_subscriptions) },
        { label: "In/s", sort: "in", number: true, text: (row) => rate(row.in) },
        { label: "Out/s", sort: "out", number: true, text: (row) => rate(row.out) },
        { label: "Slow", sort: "slow_consumers", number: true, text: (row) => count(row.slow_consumers) },
      ],
      identify: (row) => row.acc,
      caption: "Accounts",
      empty: "No accounts.",
      onSort: (by) => {
        this.#sort = { by, descending: this.#sort.by === by ? !this.#sort.descending : by !== "acc" };
        this.#show();
      },
    });
    this.#part.body.append(h("div", { class: "panel" }, this.#table.element, this.#more));
    this.#part.every(INTERVAL, async (signal) => {
      const answer = await ask("accstatz", { unused: "true" }, { signal });
      const at = Date.parse(answer.now);
      this.#rows = answer.account_statz.map((account) => {
        const speed = this.#rates.update(account.acc, at, { in: account.received.msgs, out: account.sent.msgs });
        return { ...account, ...speed };
      });
      this.#rates.forget(at);
      this.#part.setCount(count(this.#rows.length));
      model.dispatchEvent(new CustomEvent("accounts", { detail: this.#rows.map((row) => row.acc).sort() }));
      this.#show();
    });
  }

  #show() {
    const { by, descending } = this.#sort;
    const compare = (a, b) => (typeof a[by] === "string" ? a[by].localeCompare(b[by]) : (a[by] || 0) - (b[by] || 0)) || a.acc.localeCompare(b.acc);
    const sorted = this.#rows.toSorted((a, b) => (descending ? compare(b, a) : compare(a, b)));
    this.#table.markSort(by, descending);
    this.#table.update(sorted.slice(0, MOST_ROWS));
    this.#more.hidden = sorted.length <= MOST_ROWS;
    setText(this.#more, `${count(sorted.length - MOST_ROWS)} more are not shown; sort by another column to see others.`);
  }
}
