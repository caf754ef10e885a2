// The supervision tree: every actor, how often it failed and why.

import { ask } from "./api.js";
import { h, replace, setText } from "./dom.js";
import { ago, count, duration, plural, timeOfDay } from "./format.js";
import { Part } from "./part.js";
import { Table } from "./table.js";

const INTERVAL = 3000;
const STATE_WORDS = { starting: "starting", running: "running", restarting: "restarting", stalled: "stalled", stopped: "stopped", failed: "failed" };
const LEVELS = { running: "ok", stopped: "off", starting: "warn", restarting: "warn", stalled: "warn", failed: "bad" };

export class Actors {
  #part = new Part("actors", "Actors");
  #tree = h("ul", { class: "tree", "aria-label": "Supervision tree" });
  #children = new Map();
  #restarts;
  #queues = h("p", { class: "hint queues", hidden: true });
  #model;

  constructor(model) {
    this.#model = model;
    this.#restarts = new Table({
      columns: [
        { label: "At", className: "mono", text: (row) => timeOfDay(row.at), title: (row) => ago(model.serverNow() - row.at) },
        { label: "Actor", className: "name", text: (row) => row.actor },
        { label: "Cause", className: "cause", text: (row) => row.cause },
      ],
      identify: (row) => `${row.actor} ${row.epoch} ${row.at}`,
      caption: "Restarts, newest first",
      empty: "No actor has been restarted since the server started.",
    });
    const root = h("li", { class: "root" }, h("span", { class: "node", data: { level: "ok" } }, h("i", { class: "dot", "aria-hidden": "true" }), h("strong", {}, "supervisor")), this.#tree);
    this.#part.body.append(h("div", { class: "panel tree-panel" }, h("div", {}, h("ul", {}, root), this.#queues), h("div", {}, h("h3", {}, "Restarts"), this.#restarts.element)));
    this.#part.every(INTERVAL, async (signal) => {
      const answer = await ask("actorz", {}, { signal });
      model.actors = answer;
      this.#show(answer);
    });
    model.addEventListener("change", () => model.actors && this.#show(model.actors));
  }

  #show({ actors = [], groups = [], arbiters = [], queues = {} }) {
    const waiting = Object.entries(queues).filter(([, queue]) => queue.pending > 0);
    setText(this.#queues, `Waiting in queues: ${waiting.map(([name, queue]) => `${name} ${count(queue.pending)}`).join(", ")}`);
    this.#queues.hidden = waiting.length === 0;
    const nodes = [...actors.map((actor) => this.#actorNode(actor)), ...groups.map(groupNode), ...arbiters.map(arbiterNode)];
    const kept = new Map(nodes.map((node) => [node.key, this.#children.get(node.key) ?? newLine()]));
    for (const node of nodes) fillLine(kept.get(node.key), node);
    const lines = [...kept.values()];
    if (lines.length !== this.#tree.children.length || lines.some((line, at) => line !== this.#tree.children[at])) replace(this.#tree, lines);
    this.#children = kept;
    const restarts = actors.flatMap((actor) => (actor.last_restarts ?? []).map((restart) => ({ ...restart, actor: nameOf(actor), at: Date.parse(restart.at) })));
    this.#restarts.update(restarts.sort((a, b) => b.at - a.at).slice(0, 12));
    const total = actors.reduce((sum, actor) => sum + (actor.restarts ?? 0), 0);
    this.#part.setCount(total > 0 ? plural(total, "restart") : "", total > 0 ? "warn" : null);
  }

  #actorNode(actor) {
    const since = Date.parse(actor.running_since);
    const facts = [
      actor.state === "running" && Number.isFinite(since) ? `for ${duration(this.#model.serverNow() - since)}` : STATE_WORDS[actor.state] ?? actor.state,
      actor.restarts > 0 && plural(actor.restarts, "restart"),
      actor.stalls > 0 && plural(actor.stalls, "stall"),
      actor.queue > 0 && `${count(actor.queue)} queued`,
      actor.ended && `ended: ${actor.ended}`,
    ];
    return { key: `a ${nameOf(actor)}`, name: nameOf(actor), level: LEVELS[actor.state] ?? "warn", state: actor.state, restarts: actor.restarts, facts };
  }
}

const nameOf = (actor) => (actor.id ? `${actor.kind}:${actor.id}` : actor.kind);

function groupNode(group) {
  const failed = group.failed ?? 0;
  return {
    key: `g ${group.kind}`,
    name: `${group.kind} × ${count(group.running)}`,
    level: failed > 0 ? "warn" : "ok",
    state: "counted",
    many: true,
    facts: [`${count(group.started)} started`, failed > 0 && `${count(failed)} failed`, "one for each connection, never restarted"],
  };
}

function arbiterNode(arbiter) {
  const replaced = (arbiter.generation ?? 1) - 1;
  return {
    key: `t ${arbiter.name}`,
    name: arbiter.name,
    level: arbiter.stalled ? "warn" : "ok",
    state: arbiter.stalled ? "stalled" : "running",
    thread: true,
    facts: ["thread", arbiter.stalled && "makes no progress", replaced > 0 && `replaced ${plural(replaced, "time")}`],
  };
}

function newLine() {
  return h("li", {}, h("span", { class: "node" }, h("i", { class: "dot", "aria-hidden": "true" }), h("strong"), h("span", { class: "visually-hidden" }), h("span", { class: "side" })));
}

function fillLine(line, { name, level, state, facts, many = false, thread = false }) {
  const node = line.firstElementChild;
  const [, title, hidden, side] = node.children;
  node.dataset.level = level;
  node.classList.toggle("many", many);
  node.classList.toggle("thread", thread);
  setText(title, name);
  setText(hidden, ` ${state} `);
  setText(side, facts.filter(Boolean).join(" · "));
}
