// Rates of totals that are asked for now and then.

/** Remembers the last totals of each thing and tells how fast they grow. */
export class Rates {
  #before = new Map();

  /** Takes totals { name: number } at a moment in milliseconds and returns { name: per second }; NaN the first time. */
  update(key, at, totals) {
    const before = this.#before.get(key);
    const speeds = {};
    for (const [name, total] of Object.entries(totals)) {
      const grown = total - (before?.totals[name] ?? NaN);
      const elapsed = at - (before?.at ?? NaN);
      speeds[name] = grown >= 0 && elapsed > 0 ? (grown * 1000) / elapsed : NaN;
    }
    // Asked twice at once, the first totals stay: there is no speed within no time.
    if (!before || at > before.at) this.#before.set(key, { at, totals });
    return speeds;
  }

  /** Drops what was not updated at this moment. */
  forget(at) {
    for (const [key, before] of this.#before) if (before.at < at) this.#before.delete(key);
  }
}
