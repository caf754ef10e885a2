// What all sections share: a heading with a count, tools at its side, a place for trouble, and asking only while in sight.

import { byId, h, setText } from "./dom.js";
import { poller } from "./api.js";

const watched = new Map();
const observer = new IntersectionObserver(
  (entries) => entries.forEach((entry) => watched.get(entry.target)?.(entry.isIntersecting)),
  { rootMargin: "200px" },
);

export class Part {
  /** The section's element, which the page has. */
  element;
  /** Where its content goes. */
  body = h("div", { class: "part-body" });
  #count = h("span", { class: "count" });
  #trouble = h("p", { class: "trouble", role: "status", hidden: true });
  #poller = null;
  #railCount = null;

  constructor(id, title, { hint = null, tools = [] } = {}) {
    this.element = byId(id);
    this.element.append(
      h("div", { class: "part-head" }, h("h2", { id: `${id}-title` }, title, this.#count), hint && h("p", { class: "hint" }, hint), h("div", { class: "tools" }, tools)),
      this.#trouble,
      this.body,
    );
    this.#railCount = h("span", { class: "rail-count" });
    byId("rail").append(h("li", {}, h("a", { href: `#${id}` }, title, this.#railCount)));
  }

  /** Shows a number beside the heading and in the list of sections. */
  setCount(text, level = null) {
    setText(this.#count, text);
    setText(this.#railCount, text);
    if (level) this.#railCount.dataset.level = level;
    else delete this.#railCount.dataset.level;
  }

  /** Runs `work(signal)` every `interval` milliseconds while the section is in sight, and shows what goes wrong. */
  every(interval, work) {
    this.#poller = poller(async (signal) => {
      try {
        await work(signal);
        this.#trouble.hidden = true;
      } catch (cause) {
        if (signal.aborted) throw cause;
        if (cause?.name !== "AskError") console.error(cause);
        setText(this.#trouble, `Not up to date: ${cause.message}`);
        this.#trouble.hidden = false;
      }
    }, interval);
    watched.set(this.element, (visible) => this.#poller.setVisible(visible));
    observer.observe(this.element);
  }

  /** Asks again at once. */
  wake() {
    this.#poller?.wake();
  }
}

/** Marks the section in sight in the list of sections. */
export function followScrolling() {
  const links = new Map([...document.querySelectorAll("#rail a")].map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new Set();
  const follower = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target.id);
        else seen.delete(target.id);
      }
      const first = [...links.keys()].find((id) => seen.has(id));
      for (const [id, link] of links) {
        if (id === first) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-15% 0px -60% 0px" },
  );
  for (const id of links.keys()) follower.observe(byId(id));
}
