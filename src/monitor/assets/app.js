// Puts the page together. Each section owns one element of the page; they share the model and nothing else.

import { Accounts } from "./accounts.js";
import { Actors } from "./actors.js";
import { Cluster } from "./cluster.js";
import { Connections } from "./connections.js";
import { Detail } from "./detail.js";
import { byId, h, replace, setText } from "./dom.js";
import { Happenings } from "./happenings.js";
import { Model } from "./model.js";
import { Overview } from "./overview.js";
import { followScrolling } from "./part.js";
import { SlowConsumers } from "./slow.js";
import { Streams } from "./streams.js";
import { Subscriptions } from "./subscriptions.js";

const FEED_WORDS = { connecting: "connecting", live: "live", lost: "no answer", refused: "not allowed", paused: "paused" };

const model = new Model();
const detail = new Detail(byId("detail"));
byId("rail").append(h("li", {}, h("a", { href: "#overview" }, "Overview")));
new Overview(model);
new Connections(model, detail);
new Subscriptions(model, detail);
new Accounts(model);
new SlowConsumers(model, detail);
new Streams(model);
new Cluster(model);
new Actors(model);
new Happenings(model, detail);
followScrolling();

model.addEventListener("change", () => {
  const state = byId("feed-state");
  state.dataset.state = model.feed;
  setText(state.querySelector("span"), FEED_WORDS[model.feed]);
  byId("outdated").hidden = !model.isOutdated;
  document.body.classList.toggle("is-stale", model.feed === "lost" || model.feed === "refused");
});
showFoot();
model.start();

function showFoot() {
  const links = ["varz", "connz", "subsz", "accountz", "accstatz", "jsz", "routez", "gatewayz", "leafz", "healthz", "actorz", "metrics"];
  replace(
    byId("foot"),
    h("p", {}, "The same facts for programs: ", links.map((name) => [h("a", { href: name }, `/${name}`), " "])),
    h("p", {}, h("kbd", {}, "/"), " filters connections, ", h("kbd", {}, "?"), " asks who receives a subject. Arrow keys move along the charts."),
  );
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = { "/": "connections-filter", "?": "subject-test" }[event.key];
  if (!target) return;
  event.preventDefault();
  byId(target).focus();
  byId(target).scrollIntoView({ block: "center" });
});
