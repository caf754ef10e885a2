// The table of connections. The server filters, sorts and pages, so ten thousand rows cost the browser no more than fifty.

import { ask } from "./api.js";
import { debounced, h, setText } from "./dom.js";
import { ago, byteRate, bytes, count, duration, parseDuration, plural, rate, roundTrip, short, timeOfDay } from "./format.js";
import { Part } from "./part.js";
import { Table, buttonCell, pairCell } from "./table.js";

const INTERVAL = 2000;
const PAGE_SIZES = [25, 50, 100];
/** Orders that begin with the largest: the first look is for what is big. */
const LARGEST_FIRST = new Set(["subs", "pending", "rtt", "rate_from", "rate_to", "msgs_from", "msgs_to", "stop"]);

/** How a connection is called where it has no name of its own. */
export const displayName = (client) => client.name || client.mqtt_client || `#${client.cid}`;

/** "Client" over WebSocket is of the kind "websocket"; plain ones are "nats". */
export const kindOf = (client) => (client.kind === "Client" ? (client.type === "nats" ? "client" : client.type) : (client.kind ?? "").toLowerCase());

export class Connections {
  #part;
  #asked = { state: "open", sort: "cid", order: "asc", match: "", acc: "", offset: 0, limit: PAGE_SIZES[0] };
  #tables;
  #shown = null;
  #pages = h("div", { class: "pages" });
  #range = h("span", { class: "range", role: "status" });
  #buttons = {};
  #account = h("button", { type: "button", class: "chip", hidden: true, onclick: () => this.showAccount("") });
  #model;

  constructor(model, detail) {
    this.#model = model;
    this.#part = new Part("connections", "Connections", { tools: this.#tools() });
    const open = (row) => detail.open(row);
    const sort = (order) => this.#sort(order);
    this.#tables = { open: this.#table(openColumns(open), sort), closed: this.#table(closedColumns(open), sort) };
    this.#buildPages();
    this.#part.body.append(h("div", { class: "panel" }, this.#tables.open.element, this.#tables.closed.element, this.#pages));
    this.#showState();
    this.#part.every(INTERVAL, (signal) => this.#refresh(signal));
    model.addEventListener("sample", () => this.#part.setCount(count(model.history.last?.connections)));
    model.addEventListener("account", ({ detail: name }) => this.showAccount(name));
  }

  /** Shows only the connections of an account, or again those of all. */
  showAccount(name) {
    this.#account.hidden = name === "";
    setText(this.#account, `account ${name} ×`);
    this.#account.setAttribute("aria-label", `Only account ${name}. Show all`);
    this.#ask({ acc: name });
    if (name) this.#part.element.scrollIntoView();
  }

  #tools() {
    const filter = h("input", { id: "connections-filter", type: "search", placeholder: "Filter by name, address, account, user", "aria-label": "Filter connections", autocomplete: "off", spellcheck: "false" });
    filter.addEventListener("input", debounced(() => this.#ask({ match: filter.value.trim() }), 200));
    const state = (value, label) =>
      h("label", {}, h("input", { type: "radio", name: "connections-state", value, checked: value === "open", onchange: () => this.#ask({ state: value, sort: value === "open" ? "cid" : "stop", order: value === "open" ? "asc" : "desc" }) }), h("span", {}, label));
    return [this.#account, filter, h("div", { class: "segments", role: "radiogroup", "aria-label": "Which connections" }, state("open", "open"), state("closed", "closed"))];
  }

  #table(columns, onSort) {
    return new Table({ columns, onSort, identify: (row) => row.cid, caption: "Connections", empty: "No connections.", className: "connections-table" });
  }

  #buildPages() {
    const button = (name, label, move) => {
      this.#buttons[name] = h("button", { type: "button", class: "page-button", "aria-label": label, onclick: () => this.#move(move) }, { first: "«", back: "‹", next: "›", last: "»" }[name]);
      return this.#buttons[name];
    };
    const sizes = h("select", { "aria-label": "Rows per page", onchange: (event) => this.#ask({ limit: Number(event.target.value) }) }, PAGE_SIZES.map((size) => h("option", { value: size, selected: size === this.#asked.limit }, `${size} rows`)));
    this.#pages.append(
      this.#range,
      sizes,
      h("div", { class: "page-buttons" }, button("first", "First page", -Infinity), button("back", "Page before", -1), button("next", "Next page", 1), button("last", "Last page", Infinity)),
    );
  }

  #sort(order) {
    const { sort, order: direction } = this.#asked;
    const natural = LARGEST_FIRST.has(order) ? "desc" : "asc";
    this.#ask({ sort: order, order: sort !== order ? natural : direction === "asc" ? "desc" : "asc" });
  }

  #move(pages) {
    const { offset, limit } = this.#asked;
    const last = Math.max(0, Math.ceil((this.#shown?.total ?? 0) / limit) - 1) * limit;
    this.#ask({ offset: Math.min(last, Math.max(0, pages === Infinity ? last : pages === -Infinity ? 0 : offset + pages * limit)) });
  }

  /** Asks for something else; unless it is another page, from the first page on. */
  #ask(change) {
    Object.assign(this.#asked, "offset" in change ? change : { ...change, offset: 0 });
    this.#showState();
    this.#part.element.classList.add("is-waiting");
    this.#part.wake();
  }

  #showState() {
    const { state, sort, order } = this.#asked;
    for (const [name, table] of Object.entries(this.#tables)) {
      table.element.hidden = name !== state;
      table.markSort(sort, order === "desc");
    }
  }

  async #refresh(signal) {
    const asked = { ...this.#asked };
    const answer = await ask("dashboard/connections", asked, { signal });
    // Rows may have gone since: then the last page there is.
    if (answer.connections.length === 0 && answer.total > 0 && asked.offset > 0) {
      this.#move(Infinity);
      return;
    }
    this.#shown = answer;
    const table = this.#tables[asked.state];
    table.setEmptyText(emptyText(asked));
    table.update(answer.connections);
    const { offset, total, connections } = answer;
    const filtered = asked.match || asked.acc ? "matching" : asked.state;
    setText(this.#range, total === 0 ? "" : `${count(offset + 1)}–${count(offset + connections.length)} of ${plural(total, `${filtered} connection`)}`);
    this.#buttons.first.disabled = this.#buttons.back.disabled = offset === 0;
    this.#buttons.next.disabled = this.#buttons.last.disabled = offset + connections.length >= total;
    this.#pages.hidden = total === 0;
    this.#part.element.classList.remove("is-waiting");
  }
}

function emptyText({ state, match, acc }) {
  if (match || acc) return "No connection matches.";
  return state === "open" ? "Nobody is connected." : "No connection has been closed yet.";
}

function openColumns(open) {
  return [
    { label: "Id", sort: "cid", number: true, className: "wide", text: (row) => row.cid },
    { label: "Name", sort: "name", className: "name", cell: buttonCell(displayName, open), title: displayName },
    { label: "Kind", sort: "kind", className: "wide", text: kindOf, title: (row) => [row.lang, row.version].filter(Boolean).join(" ") },
    { label: "Address", sort: "ip", className: "mid mono", text: hostPort },
    { label: "Account", sort: "account", className: "mid clip", text: (row) => row.account || "$G", title: (row) => row.account },
    { label: "Subs", sort: "subs", number: true, className: "wide", text: (row) => short(row.subscriptions) },
    { label: "Pending", sort: "pending", number: true, className: "mid", text: (row) => (row.pending_bytes ? bytes(row.pending_bytes) : "0") },
    { label: "RTT", sort: "rtt", number: true, className: "mid", text: (row) => roundTrip(parseDuration(row.rtt)) },
    { label: "In/s", sort: "rate_from", number: true, className: "rate", hint: "messages and bytes from the client, per second", cell: rateCell("in") },
    { label: "Out/s", sort: "rate_to", number: true, className: "rate", hint: "messages and bytes to the client, per second", cell: rateCell("out") },
  ];
}

function closedColumns(open) {
  return [
    { label: "Id", sort: "cid", number: true, className: "wide", text: (row) => row.cid },
    { label: "Name", sort: "name", className: "name", cell: buttonCell(displayName, open), title: displayName },
    { label: "Address", sort: "ip", className: "mid mono", text: hostPort },
    { label: "Account", sort: "account", className: "mid clip", text: (row) => row.account || "$G", title: (row) => row.account },
    { label: "Reason", sort: "reason", className: "clip", text: (row) => row.reason, title: (row) => row.reason },
    { label: "Lasted", sort: "uptime", number: true, className: "wide", text: (row) => duration(parseDuration(row.uptime)) },
    { label: "In", sort: "msgs_from", number: true, className: "wide", text: (row) => short(row.in_msgs) },
    { label: "Out", sort: "msgs_to", number: true, className: "wide", text: (row) => short(row.out_msgs) },
    { label: "Closed", sort: "stop", number: true, text: (row) => timeOfDay(Date.parse(row.stop)), title: (row) => ago(Date.now() - Date.parse(row.stop)) },
  ];
}

/** The address; clients of a Unix socket have none. */
export function hostPort({ ip, port }) {
  if (!ip) return "unix";
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** Messages per second, and bytes beside them; idle ones are fainter, so that the busy rows stand out. */
function rateCell(way) {
  const fill = pairCell((row) => {
    const messages = row[`${way}_msgs_rate`];
    if (!Number.isFinite(messages)) return { main: "–" };
    if (messages === 0) return { main: "0" };
    return { main: rate(messages), side: byteRate(row[`${way}_bytes_rate`]) };
  }, { sideFirst: true });
  return (row, td) => {
    fill(row, td);
    td.classList.toggle("idle", !(row[`${way}_msgs_rate`] > 0));
  };
}
