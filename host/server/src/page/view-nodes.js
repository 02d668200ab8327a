// The nodes: a map of how much of each is used, and a table of the same for keyboards and readers.

import { get, post } from "./api.js";
import { button, facts, h, row, show, table, update } from "./dom.js";
import { count, counted, state } from "./format.js";
import { HeatMap, used } from "./heat.js";
import { tried } from "./notes.js";
import { PAGE, Pager } from "./pager.js";

const COLUMNS = [
  ["Node", "name"], ["State", "narrow"], ["Cores used", "narrow right"], ["Used", "narrow"], ["GPUs used", "narrow right"],
  ["Memory", "narrow right"], ["Groups", "name"], ["Jobs", "narrow right"],
];
/** Jobs of a node that are named. */
const JOBS_NAMED = 200;

export function nodes(place, context) {
  let all = [];
  let chosen = context.rest[0] ?? null;
  const map = new HeatMap((node) => {
    location.hash = `#/nodes/${encodeURIComponent(node.name)}`;
  });
  const detail = h("section", { class: "panel", "aria-label": "The chosen node", hidden: true });
  const filter = h("input", { id: "node-filter", type: "search", placeholder: "Name, group or state", autocomplete: "off", spellcheck: "false" });
  const parts = table("Nodes", COLUMNS, { class: "cards titled" });
  const pager = new Pager(() => draw());
  const nothing = h("p", { class: "empty", hidden: true }, "There are no nodes.");
  filter.addEventListener("input", () => {
    pager.offset = 0;
    draw();
  });
  show(place, h("h1", {}, "Nodes"), map.place, detail, nothing,
    h("div", { class: "filter" }, h("div", { class: "field" }, h("label", { for: "node-filter" }, "Show nodes"), filter)), parts.whole, pager.place);

  function draw() {
    const wanted = filter.value.trim().toLowerCase();
    const fits = (node) => !wanted || [node.name, stateOf(node), ...node.groups].some((text) => text.toLowerCase().includes(wanted));
    const some = all.filter(fits);
    pager.of(some.length);
    const here = some.slice(pager.offset, pager.offset + PAGE);
    update(parts.body, here, (node) => JSON.stringify(node), (node) => row(COLUMNS, [
      h("a", { href: `#/nodes/${encodeURIComponent(node.name)}`, "data-focus": `node-${node.id}` }, node.name),
      state(stateOf(node)), `${count(node.cores - node.free_cores)} of ${count(node.cores)}`,
      h("progress", { max: 1, value: used(node), "aria-label": `Share of ${node.name} that is used` }),
      node.gpus ? `${node.gpus - node.free_gpus} of ${node.gpus}` : "", node.memory_mb ? `${count(Math.round(node.memory_mb / 1024))} GiB` : "",
      node.groups.join(", "), count(node.jobs.length),
    ]));
    const one = all.find((node) => node.name === chosen);
    detail.hidden = !one;
    map.choose(one ?? null);
    if (one) update(detail, [one], (node) => JSON.stringify(node), (node) => about(node));
  }

  function about(node) {
    const set = (verb, done) => button(done, () => tried(async () => {
      await post(`/nodes/${encodeURIComponent(node.name)}/${verb}`);
      context.again();
    }, `${node.name}: ${verb}.`), { "data-focus": verb });
    const jobs = node.jobs.slice(0, JOBS_NAMED).map((id) => [h("a", { href: `#/job/${id}` }, String(id)), " "]);
    return h("div", {}, h("h2", {}, node.name, " ", state(stateOf(node))),
      facts([
        ["Cores", `${count(node.cores - node.free_cores)} of ${count(node.cores)} used`], ["Sockets", count(node.sockets)],
        ["GPUs", node.gpus ? `${node.gpus - node.free_gpus} of ${node.gpus} used` : null],
        ["Memory", node.memory_mb ? `${count(node.memory_mb)} MiB` : null], ["Groups", node.groups.join(", ")],
        ["Jobs", jobs.length ? h("span", {}, jobs.flat(), node.jobs.length > JOBS_NAMED ? `and ${count(node.jobs.length - JOBS_NAMED)} more` : null) : "none"],
      ]),
      context.user.administers ? h("div", { class: "actions" },
        node.state === "Online" ? null : set("online", "Bring online"),
        node.state === "Draining" ? null : set("drain", "Drain"),
        node.state === "Offline" ? null : set("offline", "Take offline")) : null);
  }

  return {
    move(next) {
      context = next;
      chosen = next.rest[0] ?? null;
      draw();
      return true;
    },
    close: () => map.close(),
    async refresh() {
      all = (await get("/nodes")).nodes;
      map.set(all);
      nothing.hidden = all.length > 0;
      parts.whole.hidden = all.length === 0;
      map.place.hidden = all.length === 0;
      draw();
    },
  };
}

export function stateOf(node) {
  return node.reachable ? node.state : "Unreachable";
}
