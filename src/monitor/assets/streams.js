// Streams, and the consumers that lag behind them.

import { ask } from "./api.js";
import { debounced, h, replace, setText } from "./dom.js";
import { bytes, count, plural, rate, short } from "./format.js";
import { Part } from "./part.js";
import { Rates } from "./rates.js";
import { Table, buttonCell, pairCell } from "./table.js";

const INTERVAL = 5000;
const MOST_ROWS = 100;
/** A server with more consumers than this is not asked for all of them every few seconds. */
const MOST_CONSUMERS = 2000;

export class Streams {
  #part;
  #filter = h("input", { type: "search", placeholder: "Filter streams and consumers", "aria-label": "Filter streams and consumers", autocomplete: "off", spellcheck: "false" });
  #facts = h("dl", { class: "mini-facts" });
  #off = h("p", { class: "empty" });
  #note = h("p", { class: "hint pad", hidden: true });
  #panels = h("div", { class: "stack" });
  #streams;
  #consumers;
  #streamSort = { by: "messages", descending: true };
  #consumerSort = { by: "lag", descending: true };
  #rates = new Rates();
  #data = { streams: [], consumers: [] };

  constructor() {
    this.#part = new Part("streams", "Streams", { tools: [this.#filter] });
    this.#filter.addEventListener("input", debounced(() => this.#show(), 100));
    this.#streams = new Table({ columns: this.#streamColumns(), identify: (row) => `${row.account} ${row.name}`, caption: "Streams", empty: "No streams.", onSort: (by) => this.#sort(this.#streamSort, by) });
    this.#consumers = new Table({ columns: consumerColumns(), identify: (row) => `${row.account} ${row.stream} ${row.name}`, caption: "Consumers", empty: "No consumers.", onSort: (by) => this.#sort(this.#consumerSort, by) });
    this.#panels.append(h("div", { class: "panel" }, this.#facts, this.#streams.element), h("h3", {}, "Consumers and their lag"), h("div", { class: "panel" }, this.#consumers.element, this.#note));
    this.#part.body.append(h("div", { class: "panel pad quiet" }, this.#off), this.#panels);
    this.#setOff("Asking the server.");
    this.#part.every(INTERVAL, (signal) => this.#refresh(signal));
  }

  #setOff(text) {
    setText(this.#off, text ?? "");
    this.#off.parentElement.hidden = text === null;
    this.#panels.hidden = text !== null;
    this.#filter.hidden = text !== null;
  }

  #sort(sort, by) {
    sort.descending = sort.by === by ? !sort.descending : !["name", "stream", "account"].includes(by);
    sort.by = by;
    this.#show();
  }

  async #refresh(signal) {
    let summary;
    try {
      summary = await ask("jsz", {}, { signal });
    } catch (cause) {
      if (cause.status !== 404) throw cause;
      summary = { disabled: true };
    }
    if (summary.disabled) {
      this.#setOff("JetStream is not enabled on this server.");
      this.#part.setCount("");
      return;
    }
    const everyConsumer = summary.consumers <= MOST_CONSUMERS;
    const answer = await ask("jsz", { streams: "true", config: "true", consumers: everyConsumer ? "true" : "" }, { signal });
    const at = Date.parse(answer.now);
    this.#data = this.#gather(answer, at);
    this.#rates.forget(at);
    this.#note.hidden = everyConsumer;
    setText(this.#note, `${count(summary.consumers)} consumers are too many to list; ask /jsz?acc=NAME&consumers=true for those of an account.`);
    this.#part.setCount(count(answer.streams));
    this.#showFacts(answer);
    this.#setOff(null);
    this.#show();
  }

  #gather(answer, at) {
    const streams = [];
    const consumers = [];
    for (const account of answer.account_details ?? []) {
      for (const stream of account.stream_detail ?? []) {
        const row = streamRow(account.name, stream);
        Object.assign(row, this.#rates.update(`s ${row.account} ${row.name}`, at, { speed: row.lastSequence }));
        streams.push(row);
        for (const consumer of stream.consumer_detail ?? []) {
          const line = consumerRow(row, consumer);
          Object.assign(line, this.#rates.update(`c ${line.account} ${line.stream} ${line.name}`, at, { speed: line.delivered }));
          row.worstLag = Math.max(row.worstLag, line.lag);
          consumers.push(line);
        }
      }
    }
    return { streams, consumers };
  }

  #showFacts(answer) {
    const share = (used, limit) => (limit > 0 ? `${bytes(used)} of ${bytes(limit)}` : bytes(used));
    const facts = [
      ["Messages", count(answer.messages)],
      ["Storage", share(answer.storage, answer.config?.max_storage)],
      ["Memory", share(answer.memory, answer.config?.max_memory)],
      ["Consumers", count(answer.consumers)],
      ["API requests", short(answer.api?.total ?? 0)],
      ["API errors", short(answer.api?.errors ?? 0)],
    ];
    const leader = answer.meta_cluster?.leader;
    if (answer.meta_cluster) facts.push(["Meta leader", leader || "none"]);
    replace(this.#facts, facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
  }

  #show() {
    const words = this.#filter.value.trim().toLowerCase();
    const matches = (row) => words === "" || row.searched.includes(words);
    for (const [table, rows, sort] of [
      [this.#streams, this.#data.streams, this.#streamSort],
      [this.#consumers, this.#data.consumers, this.#consumerSort],
    ]) {
      const shown = rows.filter(matches).sort(ordered(sort)).slice(0, MOST_ROWS);
      table.markSort(sort.by, sort.descending);
      table.setEmptyText(words ? "Nothing matches." : rows === this.#data.streams ? "No streams yet." : "No consumers yet.");
      table.update(shown);
    }
  }

  #streamColumns() {
    const narrow = (row) => {
      this.#filter.value = row.name;
      this.#show();
    };
    return [
      { label: "Stream", sort: "name", className: "name", cell: buttonCell((row) => row.name, narrow), title: (row) => row.name },
      { label: "Account", sort: "account", className: "wide clip", text: (row) => row.account },
      { label: "Subjects", className: "mid mono clip", text: (row) => row.subjects, title: (row) => row.subjects },
      { label: "Messages", sort: "messages", number: true, text: (row) => short(row.messages) },
      { label: "Size", sort: "bytes", number: true, className: "mid", text: (row) => bytes(row.bytes) },
      { label: "In/s", sort: "speed", number: true, text: (row) => rate(row.speed) },
      { label: "Kept in", className: "wide", text: (row) => row.kept },
      { label: "Consumers", sort: "consumers", number: true, className: "mid", text: (row) => count(row.consumers) },
      { label: "Worst lag", sort: "worstLag", number: true, text: (row) => short(row.worstLag) },
    ];
  }
}

function streamRow(account, stream) {
  const { state, config = {}, cluster } = stream;
  const subjects = config.subjects?.join(" ") ?? (config.mirror ? `mirror of ${config.mirror.name}` : config.sources ? `from ${config.sources.map((source) => source.name).join(" ")}` : "");
  const replicas = config.num_replicas > 1 ? `, ${config.num_replicas} replicas` : "";
  const leader = cluster?.leader && config.num_replicas > 1 ? `, led by ${cluster.leader}` : "";
  return {
    name: stream.name,
    account,
    subjects,
    searched: `${stream.name} ${account} ${subjects}`.toLowerCase(),
    kept: `${config.storage ?? ""}${replicas}${leader}`,
    messages: state.messages,
    bytes: state.bytes,
    lastSequence: state.last_seq,
    consumers: state.consumer_count,
    worstLag: 0,
  };
}

function consumerRow(stream, consumer) {
  const { config = {} } = consumer;
  return {
    name: consumer.name,
    stream: stream.name,
    account: stream.account,
    searched: `${consumer.name} ${stream.searched}`.toLowerCase(),
    way: config.deliver_subject ? "push" : "pull",
    lag: consumer.num_pending,
    of: Math.max(stream.messages, consumer.num_pending),
    unacknowledged: consumer.num_ack_pending,
    mostUnacknowledged: config.max_ack_pending,
    redelivered: consumer.num_redelivered,
    waiting: consumer.num_waiting,
    delivered: consumer.delivered?.consumer_seq ?? 0,
  };
}

function consumerColumns() {
  return [
    { label: "Consumer", sort: "name", className: "name", text: (row) => row.name, title: (row) => row.name },
    { label: "Stream", sort: "stream", className: "clip", text: (row) => row.stream, title: (row) => row.stream },
    { label: "Account", sort: "account", className: "wide clip", text: (row) => row.account },
    { label: "Way", className: "wide", text: (row) => row.way },
    { label: "Lag", sort: "lag", number: true, hint: "messages of the stream that it has not been sent yet", cell: lagCell },
    { label: "Sent/s", sort: "speed", number: true, text: (row) => rate(row.speed) },
    { label: "Not acked", sort: "unacknowledged", number: true, className: "mid", cell: pairCell((row) => ({ main: short(row.unacknowledged), side: row.mostUnacknowledged > 0 ? `of ${short(row.mostUnacknowledged)}` : "" })) },
    { label: "Redelivered", sort: "redelivered", number: true, className: "wide", text: (row) => short(row.redelivered) },
    { label: "Requests waiting", sort: "waiting", number: true, className: "wide", text: (row) => short(row.waiting) },
  ];
}

function lagCell(row, td) {
  if (!td.firstElementChild) td.append(h("meter", { min: 0, optimum: 0, "aria-hidden": "true" }), h("span"));
  const [meter, text] = td.children;
  meter.max = Math.max(1, row.of);
  meter.value = row.lag;
  setText(text, short(row.lag));
  td.title = `${plural(row.lag, "message")} behind`;
}

function ordered({ by, descending }) {
  const compare = (a, b) => (typeof a[by] === "string" ? a[by].localeCompare(b[by]) : (a[by] || 0) - (b[by] || 0)) || a.name.localeCompare(b.name);
  return descending ? (a, b) => compare(b, a) : compare;
}
