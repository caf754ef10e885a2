// A line chart over time in SVG: two series, a shared cursor, readable by eye, pointer, keyboard and screen reader.

import { h, s, setText } from "./dom.js";
import { minuteOfDay, timeOfDay } from "./format.js";

const HEIGHT = 190;
const MARGIN = { top: 12, right: 0, bottom: 22, left: 0 };
/** Lines the scale is divided by, besides the base. */
const DIVISIONS = 4;

/**
 * A chart in a figure. `series` is [{ key, label }], `format` writes a value. Charts with the same `cursor` (an
 * EventTarget) show the same moment.
 */
export class Chart {
  #figure;
  #series;
  #format;
  #base;
  #cursor;
  #svg = s("svg", { class: "plot", "aria-hidden": "true" });
  #grid = s("g", { class: "grid" });
  #labels = s("g", { class: "labels" });
  #paths = new Map();
  #line = s("line", { class: "cursor" });
  #readouts = new Map();
  #clock = h("span", { class: "chart-clock" });
  #stage;
  #data = { points: new Map(), from: 0, to: 1 };
  #shown = null;
  #width = 600;

  constructor(figure, { title, series, format, base = 1000, cursor }) {
    this.#figure = figure;
    this.#series = series;
    this.#format = format;
    this.#base = base;
    this.#cursor = cursor;
    this.#build(title);
    new ResizeObserver(([entry]) => {
      this.#width = Math.max(200, Math.round(entry.contentRect.width));
      this.#draw();
    }).observe(this.#stage);
    cursor.addEventListener("move", (event) => this.#show(event.detail));
  }

  /** Draws other points: Map of series key -> [{ at, value }], over the time from..to. */
  update(points, from, to) {
    this.#data = { points, from, to };
    this.#draw();
  }

  #build(title) {
    const legend = this.#series.map(({ key, label }) => {
      const value = h("strong", { class: "legend-value" }, "–");
      this.#readouts.set(key, value);
      return h("div", { class: `legend-item ${key}` }, h("span", { class: "legend-label" }, h("i", { class: "swatch" }), label), value);
    });
    for (const { key } of this.#series) {
      const area = s("path", { class: `area ${key}` });
      const line = s("path", { class: `line ${key}` });
      const dot = s("circle", { class: `dot ${key}`, r: 3.5 });
      this.#paths.set(key, { area, line, dot });
    }
    const drawn = [...this.#paths.values()];
    this.#svg.append(
      this.#grid,
      ...drawn.map(({ area }) => area),
      this.#line,
      ...drawn.map(({ line }) => line),
      this.#labels,
      ...drawn.map(({ dot }) => dot),
    );
    this.#stage = h(
      "div",
      { class: "stage", tabindex: "0", role: "slider", "aria-label": `${title}, per second`, "aria-valuemin": "0", "aria-valuenow": "0", "aria-valuemax": "1" },
      this.#svg,
    );
    this.#stage.addEventListener("pointermove", (event) => this.#point(event));
    this.#stage.addEventListener("pointerleave", () => this.#announce(null));
    this.#stage.addEventListener("blur", () => this.#announce(null));
    this.#stage.addEventListener("keydown", (event) => this.#key(event));
    this.#figure.append(
      h("figcaption", { class: "chart-head" }, h("div", {}, h("h3", {}, title), this.#clock), h("div", { class: "legend" }, legend)),
      this.#stage,
    );
  }

  #all() {
    return this.#data.points.get(this.#series[0].key) ?? [];
  }

  #x(at) {
    const { from, to } = this.#data;
    return ((at - from) / (to - from || 1)) * this.#width;
  }

  #draw() {
    const values = [...this.#data.points.values()].flat().map((point) => point.value ?? 0);
    const top = niceTop(Math.max(...values, 0), this.#base);
    const inner = HEIGHT - MARGIN.top - MARGIN.bottom;
    const y = (value) => MARGIN.top + inner - (value / top) * inner;
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#drawGrid(top, y);
    for (const [key, { area, line }] of this.#paths) {
      const runs = this.#runs(key);
      line.setAttribute("d", runs.map((run) => trace(run, y)).join(""));
      area.setAttribute("d", runs.map((run) => `${trace(run, y)}V${y(0)}H${run[0].x.toFixed(1)}Z`).join(""));
    }
    this.scale = y;
    this.#show(this.#shown);
  }

  /** The points of a series, cut where samples are missing. */
  #runs(key) {
    const runs = [];
    let run = [];
    for (const { at, value } of this.#data.points.get(key) ?? []) {
      if (value === null) {
        if (run.length > 0) runs.push(run);
        run = [];
      } else {
        run.push({ x: this.#x(at), value });
      }
    }
    if (run.length > 0) runs.push(run);
    return runs;
  }

  #drawGrid(top, y) {
    const lines = [];
    const labels = [];
    for (let step = 0; step <= DIVISIONS; step += 1) {
      const value = (top / DIVISIONS) * step;
      lines.push(s("line", { class: step === 0 ? "base" : "", x1: 0, x2: this.#width, y1: y(value), y2: y(value) }));
      if (step > 0 && step % 2 === 0) labels.push(s("text", { x: 0, y: y(value) + 13 }, this.#format(value)));
    }
    for (const at of timeMarks(this.#data.from, this.#data.to, this.#width)) {
      const x = this.#x(at);
      labels.push(s("text", { class: "time", x, y: HEIGHT - 5, "text-anchor": "middle" }, minuteOfDay(at)));
    }
    this.#grid.replaceChildren(...lines);
    this.#labels.replaceChildren(...labels);
  }

  #point(event) {
    const box = this.#stage.getBoundingClientRect();
    const { from, to } = this.#data;
    const at = from + ((event.clientX - box.left) / box.width) * (to - from);
    this.#announce(nearest(this.#all(), at)?.at ?? null);
  }

  #key(event) {
    const points = this.#all();
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -60, PageDown: 60, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") this.#announce(null);
    if (!(event.key in steps) || points.length === 0) return;
    event.preventDefault();
    const present = this.#shown === null ? points.length - 1 : points.indexOf(nearest(points, this.#shown));
    const next = Math.min(points.length - 1, Math.max(0, present + steps[event.key]));
    this.#announce(points[next].at);
  }

  #announce(at) {
    this.#cursor.dispatchEvent(new CustomEvent("move", { detail: at }));
  }

  /** Shows the values at a moment, or the newest ones. */
  #show(at) {
    this.#shown = at;
    const points = this.#all();
    const point = at === null ? points.at(-1) : nearest(points, at);
    this.#figure.classList.toggle("is-pointed", at !== null && point !== undefined);
    setText(this.#clock, at === null || !point ? "now" : timeOfDay(point.at));
    const words = [];
    for (const { key, label } of this.#series) {
      const found = point && nearest(this.#data.points.get(key) ?? [], point.at);
      const text = found && found.value !== null ? this.#format(found.value) : "–";
      setText(this.#readouts.get(key), text);
      words.push(`${label} ${text}`);
      const { dot } = this.#paths.get(key);
      dot.setAttribute("visibility", found && found.value !== null ? "visible" : "hidden");
      if (found && found.value !== null) {
        dot.setAttribute("cx", this.#x(found.at));
        dot.setAttribute("cy", this.scale(found.value));
      }
    }
    if (point) {
      const x = this.#x(point.at);
      for (const name of ["x1", "x2"]) this.#line.setAttribute(name, x);
      this.#line.setAttribute("y1", MARGIN.top);
      this.#line.setAttribute("y2", HEIGHT - MARGIN.bottom);
      this.#stage.setAttribute("aria-valuemax", String(Math.max(1, points.length - 1)));
      this.#stage.setAttribute("aria-valuenow", String(points.indexOf(point)));
      this.#stage.setAttribute("aria-valuetext", `${at === null ? "now" : timeOfDay(point.at)}: ${words.join(", ")}`);
    }
  }
}

function trace(run, y) {
  return run.map(({ x, value }, index) => `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

/** The smallest readable scale that holds `value`: its quarters are readable as well. */
export function niceTop(value, base) {
  if (value <= DIVISIONS) return DIVISIONS;
  const unit = base === 1024 ? 1024 ** Math.floor(Math.log(value) / Math.log(1024)) : 1;
  const rest = value / unit;
  const power = 10 ** Math.floor(Math.log10(rest));
  const factor = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((step) => rest <= step * power);
  const top = (factor ?? 10) * power;
  // A thousand KiB is better called a MiB.
  return (base === 1024 && top >= 1000 && rest <= 1024 ? 1024 : top) * unit;
}

/** Whole minutes between two moments, few enough to be read. */
function timeMarks(from, to, width) {
  const most = Math.max(2, Math.floor(width / 90));
  const step = [60, 120, 180, 300].map((seconds) => seconds * 1000).find((size) => (to - from) / size <= most) ?? 300_000;
  const marks = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    const share = (at - from) / (to - from);
    if (share > 0.04 && share < 0.96) marks.push(at);
  }
  return marks;
}

/** The point nearest to a moment, found by halving. */
export function nearest(points, at) {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < at) low = middle + 1;
    else high = middle;
  }
  const before = points[low - 1];
  const found = points[low];
  return before && at - before.at < found.at - at ? before : found;
}

/** A small line without axes. */
export class Sparkline {
  #path = s("path", { class: "spark-line" });
  #area = s("path", { class: "spark-area" });
  element = s("svg", { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true" }, this.#area, this.#path);

  /** Draws [{ at, value }] over the time from..to, from zero or, for levels that move little, from their floor. */
  update(points, from, to, { fromZero = false } = {}) {
    const known = points.filter((point) => point.value !== null);
    if (known.length < 2) {
      this.#path.setAttribute("d", "");
      this.#area.setAttribute("d", "");
      return;
    }
    const values = known.map((point) => point.value);
    const top = Math.max(...values);
    const floor = fromZero ? 0 : Math.min(...values) - (top - Math.min(...values)) * 0.3;
    const span = top - floor || 1;
    const flat = top === floor;
    const place = ({ at, value }) =>
      `${(((at - from) / (to - from)) * 100).toFixed(2)} ${(flat ? 22 : 22 - ((value - floor) / span) * 20).toFixed(2)}`;
    const line = known.map((point, index) => `${index === 0 ? "M" : "L"}${place(point)}`).join("");
    this.#path.setAttribute("d", line);
    const first = place(known[0]).split(" ")[0];
    this.#area.setAttribute("d", `${line}V24H${first}Z`);
  }
}
