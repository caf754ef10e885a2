// What the page knows. Sections read it; it asks for what all of them need and listens to the feed.

import { ask, poller } from "./api.js";
import { Feed } from "./feed.js";
import { History } from "./history.js";

const SLOW_INTERVAL = 5000;
const HAPPENINGS_KEPT = 200;

/** Events: "change" (something other than traffic), "sample" (once a second), "happenings" (connections came or went). */
export class Model extends EventTarget {
  varz = null;
  health = null;
  actors = null;
  /** Version of the server itself, beside the one it is compatible with. */
  version = null;
  /** The server has been replaced by one with another page. */
  isOutdated = false;
  /** State of the feed: connecting, live, lost, refused, paused. */
  feed = "connecting";
  history = new History();
  /** Connections that came and went, newest first. */
  happenings = [];
  #feed = new Feed();
  #skew = 0;
  #happened = 0;
  #poller = poller((signal) => this.#askAll(signal), SLOW_INTERVAL);

  /** Starts asking. */
  start() {
    this.#feed.addEventListener("state", ({ detail }) => this.#feedState(detail));
    this.#feed.addEventListener("history", ({ detail }) => {
      this.history.restore(detail);
      this.version = detail.version ?? null;
      this.isOutdated = detail.page !== document.body.dataset.assets;
      this.#changed("change");
      this.#changed("sample");
    });
    this.#feed.addEventListener("sample", ({ detail }) => {
      this.#skew = detail.at - Date.now();
      this.history.add(detail);
      this.#changed("sample");
    });
    this.#feed.addEventListener("connections", ({ detail }) => this.#connections(detail));
    this.#feed.start();
    this.#poller.setVisible(true);
  }

  /** The server's clock in milliseconds. */
  serverNow() {
    return Date.now() + this.#skew;
  }

  /** What the verdict is made from. */
  situation() {
    const { feed, health, varz, history, actors } = this;
    return { feed, health, varz, history, actors, now: this.serverNow() };
  }

  /** Asks the server again at once. */
  retry() {
    this.#feed.retryNow();
    this.#poller.wake();
  }

  #feedState(state) {
    const returned = state === "live" && this.feed !== "live";
    this.feed = state;
    if (returned) this.#poller.wake();
    this.#changed("change");
  }

  async #askAll(signal) {
    const asked = await Promise.allSettled([
      ask("varz", {}, { signal }),
      ask("healthz", { details: "true" }, { signal, accept: [503, 500] }),
      ask("actorz", {}, { signal }),
    ]);
    const [varz, health, actors] = asked.map((answer) => answer.value ?? null);
    if (varz) {
      this.varz = varz;
      this.#skew = Date.parse(varz.now) - Date.now();
    }
    if (health) this.health = health;
    if (actors) this.actors = actors;
    this.#changed("change");
  }

  #connections(detail) {
    const { at, connected = [], disconnected = [], hidden = 0 } = detail;
    const news = [
      ...connected.map((client) => ({ ...client, at, what: "connected" })),
      ...disconnected.map((client) => ({ ...client, at, what: "disconnected" })),
      ...(hidden > 0 ? [{ at, what: "more", hidden }] : []),
    ];
    for (const happening of news) happening.key = this.#happened++;
    this.happenings = [...news.reverse(), ...this.happenings].slice(0, HAPPENINGS_KEPT);
    this.#changed("happenings");
  }

  #changed(type) {
    this.dispatchEvent(new Event(type));
  }
}
