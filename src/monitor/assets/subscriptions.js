// "Who would receive this subject?", and figures of the index of subscriptions.

import { ask } from "./api.js";
import { debounced, h, replace, setText } from "./dom.js";
import { count, plural, short } from "./format.js";
import { Part } from "./part.js";
import { Table, buttonCell } from "./table.js";

const INTERVAL = 3000;
const MOST_ROWS = 200;

export class Subscriptions {
  #part;
  #subject = h("input", { id: "subject-test", type: "text", class: "mono", placeholder: "orders.eu.new", autocomplete: "off", autocapitalize: "off", spellcheck: "false", "aria-describedby": "subject-answer" });
  #account = h("select", { "aria-label": "Account" }, h("option", { value: "" }, "every account"));
  #answer = h("p", { id: "subject-answer", class: "answer", role: "status" });
  #table;
  #stats = h("dl", { class: "mini-facts" });
  #accounts = "";

  constructor(model, detail) {
    this.#part = new Part("subscriptions", "Subscriptions");
    this.#table = new Table({
      columns: [
        { label: "Subject", className: "mono name", text: (row) => row.subject, title: (row) => row.subject },
        { label: "Queue group", className: "mono", text: (row) => row.qgroup ?? "" },
        { label: "Account", className: "mid clip", text: (row) => row.account ?? "$G" },
        { label: "Connection", number: true, cell: buttonCell((row) => `#${row.cid}`, (row) => detail.open({ cid: row.cid })) },
        { label: "Received", number: true, text: (row) => short(row.msgs) },
      ],
      identify: (row) => `${row.cid} ${row.sid} ${row.account}`,
      caption: "Subscriptions that would receive the subject",
      empty: "",
    });
    this.#table.element.hidden = true;
    const again = debounced(() => this.#part.wake(), 200);
    this.#subject.addEventListener("input", again);
    this.#account.addEventListener("change", () => this.#part.wake());
    const form = h("form", { class: "subject-form", onsubmit: (event) => {
      event.preventDefault();
      this.#part.wake();
    } }, h("label", { for: "subject-test" }, "Who would receive"), this.#subject, h("span", { class: "in" }, "in"), this.#account);
    this.#part.body.append(h("div", { class: "panel" }, form, this.#answer, this.#table.element, this.#stats));
    this.#part.every(INTERVAL, (signal) => this.#refresh(signal));
    model.addEventListener("sample", () => this.#part.setCount(count(model.history.last?.subscriptions)));
    model.addEventListener("accounts", ({ detail: names }) => this.#offer(names));
  }

  #offer(names) {
    const key = names.join("\n");
    if (key === this.#accounts) return;
    this.#accounts = key;
    const chosen = this.#account.value;
    replace(this.#account, h("option", { value: "" }, "every account"), names.slice(0, 1000).map((name) => h("option", { value: name, selected: name === chosen }, name)));
  }

  async #refresh(signal) {
    const subject = this.#subject.value.trim();
    if (subject === "") {
      this.#showStats(await ask("subsz", {}, { signal }));
      this.#table.element.hidden = true;
      setText(this.#answer, "");
      delete this.#answer.dataset.level;
      return;
    }
    const found = await ask("subsz", { subs: "true", test: subject, acc: this.#account.value, limit: MOST_ROWS }, { signal }).catch((cause) => {
      // A refused subject is an answer about the subject, not trouble with the server.
      if (cause.status === 400) return { refused: cause.message };
      throw cause;
    });
    if (found.refused) {
      this.#say("warn", found.refused);
      this.#table.element.hidden = true;
      return;
    }
    const rows = (found.subscriptions_list ?? []).sort(byPlace);
    this.#say(rows.length > 0 ? "ok" : "warn", sentence(rows, found.total));
    this.#table.element.hidden = rows.length === 0;
    this.#table.update(rows);
    this.#showStats(found);
  }

  #say(level, text) {
    this.#answer.dataset.level = level;
    setText(this.#answer, text);
  }

  #showStats(stats) {
    const facts = [
      ["Subscriptions", count(stats.num_subscriptions)],
      ["Added", short(stats.num_inserts)],
      ["Removed", short(stats.num_removes)],
      ["Looked up", short(stats.num_matches)],
      ["Answered from cache", `${Math.round((stats.cache_hit_rate ?? 0) * 100)} %`],
      ["Widest fan-out", count(stats.max_fanout)],
      ["Mean fan-out", Number(stats.avg_fanout ?? 0).toFixed(1)],
    ];
    replace(this.#stats, facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
  }
}

/** By account, plain ones before queue groups, then by connection: the same order at each refresh. */
function byPlace(a, b) {
  const texts = (row) => [row.account ?? "$G", row.qgroup ?? "", row.subject].join("\n");
  return texts(a).localeCompare(texts(b)) || a.cid - b.cid;
}

/** Says in words who receives: every plain subscription, and one member of each queue group of each account. */
export function sentence(rows, total) {
  if (rows.length === 0) return "Nobody would receive it.";
  const plain = rows.filter((row) => !row.qgroup).length;
  const groups = new Map();
  for (const row of rows.filter((candidate) => candidate.qgroup)) {
    const key = JSON.stringify([row.account, row.qgroup]);
    groups.set(key, { name: row.qgroup, members: (groups.get(key)?.members ?? 0) + 1 });
  }
  const parts = [];
  if (plain > 0) parts.push(plural(plain, "subscription"));
  const named = [...groups.values()].slice(0, 3).map(({ name, members }) => (members === 1 ? `the only member of the queue group ${name}` : `one of ${members} in the queue group ${name}`));
  parts.push(...named);
  if (groups.size > named.length) parts.push(`one of each of ${plural(groups.size - named.length, "more queue group")}`);
  const more = total > rows.length ? ` The first ${count(rows.length)} of ${count(total)} are looked at.` : "";
  return `It would reach ${parts.join(", and ")}.${more}`;
}
