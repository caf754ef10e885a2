// The event feed: one sample a second and connections that come and go. Reconnects by itself, and says how things stand.

import { address, ask } from "./api.js";

const FIRST_DELAY = 500;
const LONGEST_DELAY = 10_000;
/** The feed speaks once a second; silence this long means that it is dead, whatever the socket says. */
const SILENCE = 6000;

/**
 * Events: "state" (connecting, live, lost, refused or paused), "history" (fields and rows), "sample",
 * "connections".
 */
export class Feed extends EventTarget {
  #source = null;
  #delay = FIRST_DELAY;
  #retry = null;
  #watchdog = null;
  #state = null;

  /** Opens the feed, and closes it while the page is hidden: browsers allow few connections to one server. */
  start() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#pause() : this.#open()));
    addEventListener("online", () => this.retryNow());
    addEventListener("pagehide", () => this.#pause());
    addEventListener("pageshow", () => this.#open());
    this.#open();
  }

  /** Tries again at once. */
  retryNow() {
    if (this.#source || document.hidden) return;
    this.#delay = FIRST_DELAY;
    this.#open();
  }

  #open() {
    if (this.#source || document.hidden) return;
    clearTimeout(this.#retry);
    this.#setState("connecting");
    const source = new EventSource(address("eventsz"));
    this.#source = source;
    source.addEventListener("history", (event) => {
      this.#heard();
      this.#tell("history", event);
    });
    source.addEventListener("sample", (event) => {
      this.#heard();
      this.#tell("sample", event);
    });
    source.addEventListener("connections", (event) => this.#tell("connections", event));
    source.addEventListener("error", () => this.#fail());
    this.#watch();
  }

  #heard() {
    this.#delay = FIRST_DELAY;
    this.#setState("live");
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#fail(), SILENCE);
  }

  #tell(type, event) {
    this.dispatchEvent(new CustomEvent(type, { detail: JSON.parse(event.data) }));
  }

  #close() {
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #pause() {
    this.#close();
    this.#setState("paused");
  }

  async #fail() {
    this.#close();
    const delay = this.#delay;
    this.#delay = Math.min(this.#delay * 1.7, LONGEST_DELAY);
    if (this.#state !== "refused") this.#setState("lost");
    this.#retry = setTimeout(() => this.#open(), delay);
    // An event source hides the reason; one question tells a refusal from a server that is gone.
    try {
      await ask("varz");
    } catch (cause) {
      if (this.#state === "lost" || this.#state === "refused") this.#setState(cause.status === 401 || cause.status === 403 ? "refused" : "lost");
    }
  }

  #setState(state) {
    // A retry is not news while the server is still gone.
    const isRetry = state === "connecting" && (this.#state === "lost" || this.#state === "refused");
    if (this.#state === state || isRetry) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
