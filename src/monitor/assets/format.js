// Numbers, sizes, times as people read them. Everything here is pure.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const clockShort = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

const DECIMAL = ["", "k", "M", "G", "T", "P", "E"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** 1234567 -> "1,234,567". */
export const count = (value) => (Number.isFinite(value) ? whole.format(value) : "–");

/** 1234567 -> "1.23M": three digits that matter, exact below 10,000. */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 10_000) return whole.format(value);
  return scaled(value, 1000, DECIMAL, "");
}

/** A rate per second: one decimal below ten, so that a trickle is not shown as nothing. */
export function rate(value) {
  if (!Number.isFinite(value)) return "–";
  if (value > 0 && value < 9.95) return value < 0.05 ? "<0.1" : value.toFixed(1).replace(/\.0$/, "");
  return short(value);
}

/** 1536 -> "1.50 KiB". */
export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 1024) return `${whole.format(value)} B`;
  return scaled(value, 1024, BINARY, " ");
}

function scaled(value, base, units, space) {
  let power = 0;
  let rest = value;
  while (Math.abs(rest) >= base && power < units.length - 1) {
    rest /= base;
    power += 1;
  }
  // What rounds up to the next unit belongs there: 999.9k is 1.00M.
  if (Math.abs(rest) >= base - 0.5 && power < units.length - 1) {
    rest /= base;
    power += 1;
  }
  const decimals = Math.abs(rest) >= 100 ? 0 : Math.abs(rest) >= 10 ? 1 : 2;
  return `${rest.toFixed(decimals)}${space}${units[power]}`;
}

/** Bytes per second. */
export const byteRate = (value) => (Number.isFinite(value) ? `${bytes(value)}/s` : "–");

/** Milliseconds -> "2 d 3 h", the two largest units. */
export function duration(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "–";
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

/** Milliseconds since -> "3 min ago". */
export function ago(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "–";
  return milliseconds < 1500 ? "just now" : `${duration(milliseconds).split(" ").slice(0, 2).join(" ")} ago`;
}

const DURATION_UNITS = { ns: 1e-6, "µs": 1e-3, "μs": 1e-3, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, y: 31_536_000_000 };

/** Reads Go's "1h2m3.5s" and nats-server's "1y2d3h4m5s" as milliseconds. */
export function parseDuration(text) {
  if (!text) return NaN;
  let sum = 0;
  let length = 0;
  for (const [all, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|µs|μs|us|ms|[smhdy])/g)) {
    sum += Number(amount) * DURATION_UNITS[unit];
    length += all.length;
  }
  return length === text.length ? sum : NaN;
}

/** A round trip in milliseconds -> "405 µs", "1.2 ms". */
export function roundTrip(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "–";
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 1000) return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** "12:34:56" in the reader's time zone. */
export const timeOfDay = (at) => clock.format(at);
/** "12:34". */
export const minuteOfDay = (at) => clockShort.format(at);
/** Date and time in the reader's time zone. */
export const moment = (at) => (Number.isFinite(Number(at)) ? dateTime.format(at) : "–");

/** "12:34" for today, "3 May 12:34" for other days. */
export function dayAndTime(at, now = Date.now()) {
  if (!Number.isFinite(at)) return "–";
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return isToday ? minuteOfDay(at) : `${day.format(at)} ${minuteOfDay(at)}`;
}

/** "sha256:5bb9bb72731a…" -> "5bb9bb72". */
export const shortDigest = (digest) => digest.replace(/^[a-z0-9]+:/, "").slice(0, 8);

/** 1 -> "1 thing", 2 -> "2 things". */
export const plural = (amount, one, many = `${one}s`) => `${count(amount)} ${amount === 1 ? one : many}`;
