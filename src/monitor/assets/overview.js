// The first five seconds: is the server well, what is it, and how much does it do.

import { Chart, Sparkline } from "./chart.js";
import { byId, h, icon, replace, setText } from "./dom.js";
import { byteRate, bytes, count, dayAndTime, duration, plural, rate, short, shortDigest } from "./format.js";
import { judge } from "./judge.js";

const WINDOWS = [
  { label: "1 min", milliseconds: 60_000 },
  { label: "5 min", milliseconds: 300_000 },
  { label: "15 min", milliseconds: 900_000 },
];
const ICONS = { ok: "icon-ok", warn: "icon-warn", bad: "icon-bad", unknown: "icon-wait" };

export class Overview {
  #model;
  #facts = new Map();
  #sparks = new Map();
  #charts;
  #window = WINDOWS[2].milliseconds;
  #copied = null;
  #verdict = "";

  constructor(model) {
    this.#model = model;
    this.#buildFacts();
    this.#buildWindows();
    const cursor = new EventTarget();
    const series = [
      { key: "in", label: "in" },
      { key: "out", label: "out" },
    ];
    this.#charts = [
      { chart: new Chart(byId("chart-msgs"), { title: "Messages", series, format: (value) => `${rate(value)}/s`, cursor }), fields: { in: "in_msgs", out: "out_msgs" } },
      { chart: new Chart(byId("chart-bytes"), { title: "Bytes", series, format: byteRate, base: 1024, cursor }), fields: { in: "in_bytes", out: "out_bytes" } },
    ];
    model.addEventListener("change", () => this.#show());
    model.addEventListener("sample", () => {
      this.#showTraffic();
      this.#show();
    });
    this.#show();
  }

  #buildFacts() {
    const fact = (key, label, { spark = false, extra = null } = {}) => {
      const value = h("span", { class: "fact-value" }, "–");
      const note = h("span", { class: "fact-note" });
      const parts = [value, extra, note];
      if (spark) {
        const line = new Sparkline();
        this.#sparks.set(key, line);
        parts.push(line.element);
      }
      const cell = h("div", { class: "fact", data: { fact: key } }, h("dt", {}, label), h("dd", {}, parts));
      this.#facts.set(key, { value, note, cell });
      return cell;
    };
    const copy = h("button", { type: "button", class: "icon-button small", "aria-label": "Copy the configuration's digest", onclick: () => this.#copyDigest() }, icon("icon-copy"));
    replace(
      byId("facts"),
      fact("uptime", "Uptime"),
      fact("version", "Version"),
      fact("config", "Configuration", { extra: copy }),
      fact("connections", "Connections", { spark: true }),
      fact("subscriptions", "Subscriptions", { spark: true }),
      fact("cpu", "CPU", { spark: true }),
      fact("mem", "Memory", { spark: true }),
      fact("slow_consumers", "Slow consumers"),
      fact("restarts", "Restarts"),
    );
  }

  #buildWindows() {
    const choose = (milliseconds) => {
      this.#window = milliseconds;
      this.#showTraffic();
    };
    replace(
      byId("window-choice"),
      WINDOWS.map(({ label, milliseconds }) =>
        h("label", {}, h("input", { type: "radio", name: "window", checked: milliseconds === this.#window, onchange: () => choose(milliseconds) }), h("span", {}, label)),
      ),
    );
  }

  async #copyDigest() {
    const digest = this.#model.varz?.config_digest;
    if (!digest) return;
    try {
      await navigator.clipboard.writeText(digest);
      this.#copied = "copied";
    } catch {
      this.#copied = digest;
    }
    this.#show();
    setTimeout(() => {
      this.#copied = null;
      this.#show();
    }, 3000);
  }

  #set(key, value, note = "", level = null) {
    const fact = this.#facts.get(key);
    setText(fact.value, value);
    setText(fact.note, note);
    if (level) fact.cell.dataset.level = level;
    else delete fact.cell.dataset.level;
  }

  #show() {
    this.#showVerdict();
    const { varz, history, actors } = this.#model;
    if (!varz) return;
    const last = history.last ?? varz;
    setText(byId("server-name"), varz.server_name);
    byId("server-name").title = varz.server_name;
    const started = Date.parse(varz.start);
    this.#set("uptime", duration(this.#model.serverNow() - started), `since ${dayAndTime(started)}`);
    this.#set("version", varz.version, this.#model.version ? `troupe ${this.#model.version}` : (varz.go ?? ""));
    const loaded = `read ${dayAndTime(Date.parse(varz.config_load_time))}`;
    this.#set("config", varz.config_digest ? shortDigest(varz.config_digest) : "no file", this.#copied ?? loaded);
    this.#facts.get("config").value.title = varz.config_digest ?? "";
    this.#facts.get("config").cell.querySelector("button").hidden = !varz.config_digest;
    this.#set("connections", count(last.connections), `of ${short(varz.max_connections)}, ${short(last.total_connections ?? varz.total_connections)} so far`);
    this.#set("subscriptions", count(last.subscriptions));
    this.#set("cpu", `${round(last.cpu)} %`, `of ${varz.cores * 100} %`);
    this.#set("mem", bytes(last.mem));
    const kinds = Object.entries(varz.slow_consumer_stats ?? {}).filter(([, number]) => number > 0);
    this.#set("slow_consumers", count(last.slow_consumers), kinds.map(([kind, number]) => plural(number, kind.replace(/s$/, ""))).join(", ") || "none so far", last.slow_consumers > 0 ? "warn" : null);
    const restarts = actors ? actors.actors.reduce((sum, actor) => sum + (actor.restarts ?? 0), 0) : last.restarts;
    this.#set("restarts", Number.isFinite(restarts) ? count(restarts) : "–", restarts > 0 ? "of actors" : "every actor runs", restarts > 0 ? "warn" : null);
  }

  #showVerdict() {
    const { level, title, findings } = judge(this.#model.situation());
    const box = byId("verdict");
    const key = JSON.stringify([level, title, findings]);
    if (key === this.#verdict) return;
    this.#verdict = key;
    box.dataset.level = level;
    byId("verdict-icon").setAttribute("href", `#${ICONS[level]}`);
    setText(byId("verdict-title"), title);
    const lines = findings.map((finding) => h("li", { data: { level: finding.level } }, finding.where ? h("a", { href: `#${finding.where}` }, finding.text) : finding.text));
    const calm = level === "ok" ? h("p", {}, "Healthy, no slow consumers, no actor restarted lately.") : null;
    replace(byId("verdict-text"), lines.length > 0 ? h("ul", {}, lines) : calm);
    document.title = `${level === "ok" ? "" : level === "unknown" ? "… " : "! "}${this.#model.varz?.server_name ?? "Troupe"} · Troupe`;
  }

  #showTraffic() {
    const { history } = this.#model;
    const to = history.last?.at ?? Date.now();
    const from = to - this.#window;
    for (const { chart, fields } of this.#charts) {
      chart.update(new Map(Object.entries(fields).map(([key, field]) => [key, history.rates(field, from)])), from, to);
    }
    for (const [key, spark] of this.#sparks) {
      spark.update(history.levels(key, from), from, to, { fromZero: key === "cpu" });
    }
  }
}

const round = (value) => (value < 9.95 ? Number(value).toFixed(1).replace(/\.0$/, "") : Math.round(value));
