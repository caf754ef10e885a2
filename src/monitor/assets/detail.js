// One connection in full, in a drawer at the side.

import { ask, poller } from "./api.js";
import { displayName, hostPort } from "./connections.js";
import { h, icon, replace, setText } from "./dom.js";
import { bytes, count, duration, moment, parseDuration, roundTrip } from "./format.js";

const INTERVAL = 2000;
/** More subscriptions than this are not fetched: the list would be longer than anybody reads. */
const MOST_SUBSCRIPTIONS = 1000;

export class Detail {
  #dialog;
  #title = h("h2", { id: "detail-title" });
  #facts = h("dl", { class: "detail-facts" });
  #subscriptions = h("div", { class: "detail-subscriptions" });
  #trouble = h("p", { class: "trouble", role: "status", hidden: true });
  #row = null;
  #poller = poller((signal) => this.#refresh(signal), INTERVAL);

  constructor(dialog) {
    this.#dialog = dialog;
    const close = h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => dialog.close() }, icon("icon-close"));
    dialog.append(h("header", {}, this.#title, close), this.#trouble, this.#facts, this.#subscriptions);
    dialog.addEventListener("close", () => {
      this.#poller.setVisible(false);
      this.#row = null;
    });
    // A click beside the drawer closes it.
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  /** Opens the drawer for a connection of which at least the `cid` is known. */
  open(row) {
    this.#row = row;
    replace(this.#subscriptions);
    this.#trouble.hidden = true;
    this.#show(row);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#poller.setVisible(true);
    this.#poller.wake();
  }

  async #refresh(signal) {
    const asked = this.#row;
    if (!asked) return;
    const wanted = (asked.subscriptions ?? 0) <= MOST_SUBSCRIPTIONS ? { subs: "detail" } : {};
    try {
      const answer = await ask("connz", { cid: asked.cid, auth: "true", state: "any", ...wanted }, { signal });
      const row = answer.connections[0];
      if (asked !== this.#row) return;
      if (!row) {
        this.#say("This connection is gone.");
        return;
      }
      this.#row = row;
      this.#trouble.hidden = true;
      this.#show(row);
      this.#showSubscriptions(row);
    } catch (cause) {
      if (signal.aborted) throw cause;
      this.#say(`Not up to date: ${cause.message}`);
    }
  }

  #say(text) {
    setText(this.#trouble, text);
    this.#trouble.hidden = false;
  }

  #show(row) {
    setText(this.#title, displayName(row));
    const facts = factsOf(row).filter(([, value]) => value !== undefined && value !== null && value !== "");
    replace(this.#facts, facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, String(value)))));
  }

  #showSubscriptions(row) {
    const list = row.subscriptions_list_detail ?? [];
    const heading = h("h3", {}, "Subscriptions ", h("span", { class: "count" }, count(row.subscriptions)));
    if (row.subscriptions > MOST_SUBSCRIPTIONS) {
      replace(this.#subscriptions, heading, h("p", { class: "hint" }, "Too many to list here."));
      return;
    }
    const lines = list.map((subscription) =>
      h("li", {}, h("span", { class: "mono subject" }, subscription.subject), subscription.qgroup && h("span", { class: "tag" }, `queue ${subscription.qgroup}`), h("span", { class: "number" }, count(subscription.msgs))),
    );
    replace(this.#subscriptions, heading, lines.length > 0 ? h("ul", { class: "plain-list" }, lines) : h("p", { class: "hint" }, "It receives nothing."));
  }
}

function factsOf(row) {
  const closed = row.stop && Number.isFinite(Date.parse(row.stop));
  return [
    ["Id", row.cid],
    ["Kind", [row.kind, row.type].filter(Boolean).join(", ")],
    ["Address", row.ip !== undefined && row.port !== undefined && hostPort(row)],
    ["Account", row.account],
    ["User", row.authorized_user],
    ["Client", [row.lang, row.version].filter(Boolean).join(" ")],
    ["MQTT client", row.mqtt_client],
    ["TLS", row.tls_version && [row.tls_version, row.tls_cipher_suite].filter(Boolean).join(", ")],
    ["Connected", row.start && moment(Date.parse(row.start))],
    [closed ? "Lasted" : "Uptime", row.uptime && duration(parseDuration(row.uptime))],
    ["Closed", closed && moment(Date.parse(row.stop))],
    ["Reason", row.reason],
    ["Idle", !closed && row.idle && duration(parseDuration(row.idle))],
    ["Round trip", row.rtt && roundTrip(parseDuration(row.rtt))],
    ["Pending", row.pending_bytes !== undefined && bytes(row.pending_bytes)],
    ["Received from it", row.in_msgs !== undefined && `${count(row.in_msgs)} messages, ${bytes(row.in_bytes)}`],
    ["Sent to it", row.out_msgs !== undefined && `${count(row.out_msgs)} messages, ${bytes(row.out_bytes)}`],
    ["Stalls", row.stalls],
  ].filter(([, value]) => value !== false);
}
