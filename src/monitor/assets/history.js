// The last fifteen minutes, one sample a second: totals as the server counts them, and the rates between them.

/** As many samples as the server keeps. */
export const CAPACITY = 900;
/** Samples further apart than this are not joined by a line: nobody knows what happened between. */
const GAP = 3500;

export class History {
  #samples = [];
  #instance = null;

  /** All samples, oldest first: objects with `at` in milliseconds and the totals. */
  get samples() {
    return this.#samples;
  }

  /** The newest sample, or null. */
  get last() {
    return this.#samples.at(-1) ?? null;
  }

  /** Takes over the server's ring: { server_id, fields, rows }. Samples of another run of the server are dropped. */
  restore({ server_id: instance, fields, rows }) {
    if (this.#instance !== instance) this.#samples = [];
    this.#instance = instance;
    const samples = rows.map((row) => Object.fromEntries(fields.map((field, at) => [field, row[at]])));
    const oldest = samples[0]?.at ?? Infinity;
    const kept = this.#samples.filter((sample) => sample.at < oldest);
    this.#samples = [...kept, ...samples].slice(-CAPACITY);
  }

  /** Adds a sample, unless it is known. When the server's clock was set back, what came before has no place any more. */
  add(sample) {
    if (sample.at === this.last?.at) return;
    if (sample.at < this.last?.at) this.#samples = [];
    this.#samples.push(sample);
    if (this.#samples.length > CAPACITY) this.#samples.shift();
  }

  /** Points [{ at, value }] of a total's rate per second from `since` on; `value` is null where samples are missing. */
  rates(field, since) {
    const points = [];
    for (let index = 1; index < this.#samples.length; index += 1) {
      const before = this.#samples[index - 1];
      const sample = this.#samples[index];
      if (sample.at < since) continue;
      points.push({ at: sample.at, value: rateBetween(before, sample, field) });
    }
    return points;
  }

  /** Points [{ at, value }] of a level, such as memory. */
  levels(field, since) {
    return this.#samples.filter((sample) => sample.at >= since).map((sample) => ({ at: sample.at, value: sample[field] ?? null }));
  }

  /** The present rate of a total: over the last three seconds, so that the figure is readable. */
  rate(field) {
    const last = this.last;
    if (!last) return NaN;
    const from = Math.max(0, this.#samples.length - 4);
    const first = this.#samples.slice(from).find((sample) => last.at - sample.at <= GAP);
    return first && first !== last ? rateBetween(first, last, field) ?? NaN : NaN;
  }

  /** How much a total grew since a moment, as far as the samples reach. */
  growth(field, since) {
    const first = this.#samples.find((sample) => sample.at >= since);
    return first ? Math.max(0, (this.last[field] ?? 0) - (first[field] ?? 0)) : 0;
  }
}

function rateBetween(before, after, field) {
  const elapsed = after.at - before.at;
  const grown = after[field] - before[field];
  if (elapsed <= 0 || elapsed > GAP + 1000 || !(grown >= 0)) return null;
  return (grown * 1000) / elapsed;
}
