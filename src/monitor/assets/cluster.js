// Other servers: routes, gateways and leaf nodes as a graph and as a table.

import { ask } from "./api.js";
import { h, replace, s, setText } from "./dom.js";
import { bytes, count, parseDuration, plural, rate, roundTrip, short } from "./format.js";
import { Part } from "./part.js";
import { Rates } from "./rates.js";
import { Table, pairCell } from "./table.js";

const INTERVAL = 4000;
/** The graph is as wide as its panel, up to this. */
const WIDEST = 760;
/** More servers than this make a graph nobody can read; the table has all. */
const MOST_NODES = 24;
/** More than this are shown in rows. */
const MOST_ON_RING = 9;
/** Longer names are cut in the graph; the table has all of them. */
const MOST_LETTERS = 20;
const BOX_HEIGHT = 44;
const GAP = 14;

export class Cluster {
  #part = new Part("cluster", "Cluster");
  #alone = h("p", { class: "empty" });
  #graph = s("svg", { class: "graph", role: "img" });
  #peers = [];
  #panel;
  #table;
  #rates = new Rates();
  #model;

  constructor(model) {
    this.#model = model;
    this.#table = new Table({
      columns: [
        { label: "Server", className: "name", cell: pairCell((row) => ({ main: row.name, side: row.kind })), title: (row) => row.id },
        { label: "Address", className: "mid mono", text: (row) => row.address },
        { label: "RTT", number: true, text: (row) => roundTrip(row.rtt) },
        { label: "Pending", number: true, className: "mid", text: (row) => bytes(row.pending) },
        { label: "Subs", number: true, className: "wide", text: (row) => short(row.subscriptions) },
        { label: "In/s", number: true, text: (row) => rate(row.in) },
        { label: "Out/s", number: true, text: (row) => rate(row.out) },
        { label: "Links", number: true, className: "wide", text: (row) => count(row.links) },
      ],
      identify: (row) => `${row.kind} ${row.id}`,
      caption: "Servers this one is connected to",
      empty: "",
    });
    this.#panel = h("div", { class: "panel" }, this.#graph, this.#table.element);
    this.#panel.hidden = true;
    setText(this.#alone, "Asking the server.");
    this.#part.body.append(h("div", { class: "panel pad quiet" }, this.#alone), this.#panel);
    this.#part.every(INTERVAL, (signal) => this.#refresh(signal));
    new ResizeObserver(() => this.#draw()).observe(this.#panel);
  }

  async #refresh(signal) {
    const [routes, gateways, leafs] = await Promise.all(["routez", "gatewayz", "leafz"].map((endpoint) => answerOrNothing(endpoint, signal)));
    const at = Date.parse(routes.now ?? "") || Date.now();
    const peers = [...routePeers(routes), ...gatewayPeers(gateways), ...leafPeers(leafs)];
    for (const peer of peers) Object.assign(peer, this.#rates.update(`${peer.kind} ${peer.id}`, at, { in: peer.inMessages, out: peer.outMessages }));
    this.#rates.forget(at);
    const cluster = this.#model.varz?.cluster?.name;
    setText(this.#alone, cluster ? `No other server of the cluster ${cluster} is connected.` : "This server is on its own: no routes, gateways or leaf nodes.");
    this.#alone.parentElement.hidden = peers.length > 0;
    this.#panel.hidden = peers.length === 0;
    this.#part.setCount(peers.length > 0 ? plural(peers.length, "peer") : "");
    if (peers.length === 0) return;
    this.#peers = peers.slice(0, MOST_NODES);
    this.#draw();
    this.#table.update(peers);
  }

  #draw() {
    const peers = this.#peers;
    const width = Math.min(WIDEST, this.#panel.clientWidth);
    if (peers.length === 0 || width === 0) return;
    const name = this.#model.varz?.server_name ?? "this server";
    const { box, height, places, isRing } = arrange([name, ...peers.map((peer) => peer.name)], width);
    this.#graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#graph.setAttribute("width", width);
    this.#graph.setAttribute("height", height);
    const [own, ...others] = places;
    const members = others.filter((_, index) => peers[index].kind === "route");
    const mesh = isRing ? members.flatMap((from, index) => members.slice(index + 1).map((to) => line("mesh", from, to))) : [];
    const links = others.map((place, index) => {
      const flow = (peers[index].in || 0) + (peers[index].out || 0);
      return line(`edge ${peers[index].kind}`, own, place, { "stroke-width": (1.5 + Math.log10(1 + flow)).toFixed(2) });
    });
    const nodes = others.map((place, index) => {
      const peer = peers[index];
      return node(peer.name, `${roundTrip(peer.rtt)} · ${rate(peer.in + peer.out)}/s`, place, box, peer.kind);
    });
    replace(this.#graph, mesh, links, nodes, node(name, "this server", own, box, "self"));
    this.#graph.setAttribute("aria-label", `${name} is connected to ${peers.map((peer) => `${peer.name} (${peer.kind})`).join(", ")}`);
  }
}

/** Places of this server, the first, and the others: on a ring where they fit, else in rows below this one. */
function arrange(names, width) {
  const longest = Math.max(...names.map((name) => Math.min(name.length, MOST_LETTERS)));
  const box = Math.min(Math.max(112, longest * 8 + 28), (width - 3 * GAP) / 2);
  const ring = onRing(names.length, width, box);
  if (ring) return { box, isRing: true, ...ring };
  const columns = Math.max(1, Math.floor((width - GAP) / (box + GAP)));
  const rows = Math.ceil((names.length - 1) / columns);
  const places = names.slice(1).map((_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row < rows - 1 ? columns : names.length - 1 - row * columns;
    return { x: width / 2 + ((index % columns) - (inRow - 1) / 2) * (box + GAP), y: 130 + row * 68 };
  });
  return { box, isRing: false, height: 130 + rows * 68 - 68 + 42, places: [{ x: width / 2, y: 42 }, ...places] };
}

function onRing(count, width, box) {
  if (count > MOST_ON_RING) return null;
  const height = [0, 0, 110, 220, 280][count] ?? 380;
  const reach = { x: Math.min(270, (width - box) / 2 - GAP), y: height / 2 - 36 };
  // Two side by side, three as a triangle that uses the whole width.
  const corners = { 2: [[-1, 0], [1, 0]], 3: [[0, -1], [-1, 1], [1, 1]] }[count];
  const turn = (index) => -Math.PI / 2 + (index * 2 * Math.PI) / count;
  const units = corners ?? Array.from({ length: count }, (_, index) => [Math.cos(turn(index)), Math.sin(turn(index))]);
  const places = units.map(([x, y]) => ({ x: width / 2 + x * reach.x, y: height / 2 + y * reach.y }));
  const touches = (one, other) => Math.abs(one.x - other.x) < box + GAP / 2 && Math.abs(one.y - other.y) < BOX_HEIGHT + GAP / 2;
  const isCrowded = places.some((one, index) => places.slice(index + 1).some((other) => touches(one, other)));
  return isCrowded ? null : { height, places };
}

function line(kind, from, to, more = {}) {
  return s("line", { class: kind, x1: from.x.toFixed(1), y1: from.y.toFixed(1), x2: to.x.toFixed(1), y2: to.y.toFixed(1), ...more });
}

/** Endpoints of parts that are not built in answer with an error; that means nobody is connected there. */
async function answerOrNothing(endpoint, signal) {
  try {
    return await ask(endpoint, {}, { signal });
  } catch (cause) {
    if (cause.status === 404 || cause.status === 501) return {};
    throw cause;
  }
}

function node(title, side, { x, y }, box, kind) {
  const letters = Math.floor((box - 20) / 8);
  const shown = title.length > letters ? `${title.slice(0, letters - 1)}…` : title;
  return s(
    "g",
    { class: `graph-node ${kind}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
    s("title", {}, title),
    s("rect", { x: -box / 2, y: -BOX_HEIGHT / 2, width: box, height: BOX_HEIGHT, rx: 10 }),
    s("text", { class: "graph-title", y: -3, "text-anchor": "middle" }, shown),
    s("text", { class: "graph-side", y: 13, "text-anchor": "middle" }, side),
  );
}

/** Routes come in pools: several connections to the same server make one peer. */
function routePeers({ routes = [] }) {
  return merged(routes.map((route) => ({ ...link(route), kind: "route", id: route.remote_id, name: route.remote_name || route.remote_id, pending: route.pending_size })));
}

function gatewayPeers({ outbound_gateways: outbound = {}, inbound_gateways: inbound = {} }) {
  const there = Object.entries(outbound).map(([name, { connection }]) => ({ ...link(connection ?? {}), kind: "gateway", id: name, name }));
  const here = Object.entries(inbound).flatMap(([name, list]) => list.map(({ connection }) => ({ ...link(connection ?? {}), kind: "gateway", id: name, name })));
  return merged([...there, ...here]);
}

function leafPeers({ leafs = [] }) {
  return merged(leafs.map((leaf) => ({ ...link(leaf), kind: "leaf", id: `${leaf.id ?? leaf.name} ${leaf.account}`, name: leaf.name || leaf.ip })));
}

function link(connection) {
  return {
    address: connection.ip ? `${connection.ip}:${connection.port}` : "",
    rtt: parseDuration(connection.rtt),
    pending: connection.pending_bytes ?? 0,
    subscriptions: connection.subscriptions ?? 0,
    inMessages: connection.in_msgs ?? 0,
    outMessages: connection.out_msgs ?? 0,
    links: 1,
  };
}

function merged(links) {
  const peers = new Map();
  for (const one of links) {
    const peer = peers.get(one.id);
    if (!peer) {
      peers.set(one.id, one);
      continue;
    }
    for (const name of ["pending", "subscriptions", "inMessages", "outMessages", "links"]) peer[name] += one[name];
    if (!(peer.rtt <= one.rtt)) peer.rtt = one.rtt;
  }
  return [...peers.values()].sort((a, b) => a.name.localeCompare(b.name));
}
