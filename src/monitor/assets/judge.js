// Says whether the server is well, from what it reports. Pure: everything comes in as an argument.

const WINDOW = 15 * 60_000;
const DAY = 86_400_000;
const LEVELS = ["ok", "warn", "bad"];

/**
 * Returns { level, title, findings: [{ level, text, where }] }. `where` is the id of the section that shows more.
 * `state`: { feed, health, varz, history, actors, now }, each null while unknown.
 */
export function judge(state) {
  if (state.feed === "refused") {
    return verdict("bad", "Not allowed", [{ level: "bad", text: "The server asks for a user and password, or a token, before it tells anything." }]);
  }
  if (state.feed === "lost") {
    const last = state.history?.last;
    const since = last ? ` Last heard ${new Date(last.at).toLocaleTimeString(undefined, { hourCycle: "h23" })}.` : "";
    return verdict("bad", "No answer", [{ level: "bad", text: `The server does not answer.${since} Figures below are old.` }]);
  }
  if (!state.varz || !state.health) return { level: "unknown", title: "Asking the server", findings: [] };
  const findings = [...unhealthy(state), ...failing(state), ...crowded(state), ...slow(state), ...certificates(state), ...storage(state)];
  const worst = Math.max(0, ...findings.map((finding) => LEVELS.indexOf(finding.level)));
  const title = ["All is well", "Needs a look", "In trouble"][worst];
  return verdict(LEVELS[worst], title, findings.sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level)));
}

function verdict(level, title, findings) {
  return { level, title, findings };
}

function* unhealthy({ health }) {
  if (health.status === "ok") return;
  yield { level: "bad", text: `The health check says: ${health.error ?? health.errors?.[0]?.error ?? health.status}` };
}

function* failing({ actors, now }) {
  for (const actor of actors?.actors ?? []) {
    const name = actor.id ? `${actor.kind}:${actor.id}` : actor.kind;
    if (actor.state === "failed") yield { level: "bad", text: `The actor ${name} has failed and does not come back`, where: "actors" };
    if (actor.state === "restarting") yield { level: "warn", text: `The actor ${name} is restarting`, where: "actors" };
    if (actor.state === "stalled") yield { level: "warn", text: `The actor ${name} makes no progress`, where: "actors" };
    const recent = (actor.last_restarts ?? []).filter((restart) => now - Date.parse(restart.at) < WINDOW).length;
    if (recent > 0) yield { level: "warn", text: `The actor ${name} restarted ${times(recent)} in the last 15 minutes`, where: "actors" };
  }
  for (const arbiter of actors?.arbiters ?? []) {
    if (arbiter.stalled) yield { level: "warn", text: `The arbiter ${arbiter.name} makes no progress`, where: "actors" };
  }
}

function* crowded({ varz, history }) {
  const last = history.last ?? varz;
  if (varz.max_connections > 0 && last.connections >= varz.max_connections * 0.9) {
    yield { level: "warn", text: `${last.connections.toLocaleString("en")} of ${varz.max_connections.toLocaleString("en")} connections are taken`, where: "connections" };
  }
  const recent = history.samples.slice(-10);
  const busy = recent.length === 10 && recent.every((sample) => sample.cpu > 95 * (varz.cores || 1));
  if (busy) yield { level: "warn", text: "All processors have been busy for ten seconds" };
}

function* slow({ history, now }) {
  const grown = history.samples.length > 0 ? history.growth("slow_consumers", now - WINDOW) : 0;
  if (grown > 0) yield { level: "warn", text: `${grown} slow ${grown === 1 ? "consumer" : "consumers"} closed in the last 15 minutes`, where: "slow" };
}

function* certificates({ varz, now }) {
  const end = Date.parse(varz.tls_cert_not_after ?? "");
  if (!Number.isFinite(end)) return;
  if (end < now) yield { level: "bad", text: "The TLS certificate has expired" };
  else if (end - now < 14 * DAY) yield { level: "warn", text: `The TLS certificate expires in ${Math.ceil((end - now) / DAY)} days` };
}

function* storage({ varz }) {
  const { config, stats } = varz.jetstream ?? {};
  if (!config || !stats) return;
  if (config.max_storage > 0 && stats.storage > config.max_storage * 0.9) {
    yield { level: "warn", text: "JetStream uses more than 90 % of its storage", where: "streams" };
  }
  if (config.max_memory > 0 && stats.memory > config.max_memory * 0.9) {
    yield { level: "warn", text: "JetStream uses more than 90 % of its memory", where: "streams" };
  }
}

const times = (number) => (number === 1 ? "once" : number === 2 ? "twice" : `${number} times`);
