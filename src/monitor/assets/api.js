// Asks the server. Addresses are relative to the page, so a base path and a proxy in front keep working.

const TIMEOUT_MILLISECONDS = 10_000;

/** The server did not answer, or not with what was asked for. `status` is 0 when there was no answer at all. */
export class AskError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.name = "AskError";
    this.status = status;
  }
}

/** Returns the address of an endpoint: address("connz", { limit: 50 }). Empty parameters are left out. */
export function address(endpoint, parameters = {}) {
  const url = new URL(endpoint, document.baseURI);
  // Name and password may be in the page's address. The browser remembers them, and forbids them in questions.
  url.username = "";
  url.password = "";
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/** Fetches JSON of an endpoint. Statuses in `accept` count as answers, too. */
export async function ask(endpoint, parameters = {}, { signal = null, accept = [] } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  const signals = signal ? AbortSignal.any([signal, timeout]) : timeout;
  let answer;
  try {
    answer = await fetch(address(endpoint, parameters), { signal: signals, credentials: "same-origin", cache: "no-store" });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new AskError(timeout.aborted ? "the server took too long" : "the server does not answer");
  }
  const text = await answer.text();
  if (!answer.ok && !accept.includes(answer.status)) throw new AskError(text.trim().slice(0, 300) || answer.statusText, answer.status);
  try {
    return JSON.parse(text);
  } catch {
    throw new AskError(`/${endpoint} did not answer with JSON`, answer.status);
  }
}

/**
 * Repeats `work` while it is wanted: waits `interval` after each end, never runs twice at a time, and stops while the page
 * or the part is out of sight. Returns { wake, setVisible }.
 */
export function poller(work, interval) {
  let timer = null;
  let running = null;
  let visible = false;
  let again = false;

  const wanted = () => visible && !document.hidden;
  const run = async () => {
    clearTimeout(timer);
    timer = null;
    if (!wanted()) return;
    if (running) {
      again = true;
      running.abort();
      return;
    }
    running = new AbortController();
    try {
      await work(running.signal);
    } catch (cause) {
      if (cause?.name !== "AbortError") console.warn(cause);
    }
    running = null;
    if (again) {
      again = false;
      run();
    } else if (wanted()) {
      timer = setTimeout(run, interval);
    }
  };
  document.addEventListener("visibilitychange", () => wanted() && !running && run());
  return {
    wake: run,
    setVisible(now) {
      const appears = now && !visible;
      visible = now;
      if (appears && !running) run();
    },
  };
}
