// Why a job waits, when it starts, and what would make it start sooner: the policy in force decides in virtual time, so this takes a moment.

import { get } from "./api.js";
import { button, facts, h, row, show, table } from "./dom.js";
import { ago, clock, count, counted, duration } from "./format.js";

const LIMITS = { passes_max: "as many passes as are simulated", horizon: "as long as is simulated", jobs_max: "the queue is too long to be simulated" };

export function outlook(place, context) {
  const body = h("div", {});
  const again = button("Ask again", () => read(), { class: "main" });
  show(place, h("div", { class: "actions" }, again), body);
  const going = new AbortController();

  async function read() {
    again.disabled = true;
    show(body, h("p", { class: "about", role: "status" }, "The policy is being asked in virtual time …"));
    try {
      draw(await get(`/jobs/${context.id}/explain`, { signal: going.signal }));
    } catch (problem) {
      if (!going.signal.aborted) show(body, h("p", { class: "wrong" }, problem.message));
    }
    again.disabled = false;
  }

  function draw(said) {
    const { standing, outlook } = said;
    if (!standing) {
      show(body, h("p", { class: "empty" }, `It is not in the queue: it is ${said.state.toLowerCase()}.`));
      return;
    }
    show(body,
      outlook ? expected(outlook.as_it_is) : h("p", {}, "No policy is in force."),
      h("p", { class: "why" }, h("b", {}, "Why it waits: "), standing.why),
      facts([
        ["Place", standing.position ? `${count(standing.position)} of ${count(standing.queued)}` : "it may not start yet"],
        ["Needs", `${standing.min === standing.max ? count(standing.max) : `${count(standing.min)}–${count(standing.max)}`} ${standing.unit}`],
        ["Free for it now", `${count(standing.free)} of ${count(standing.at_most)} ${standing.unit}`],
        ["Nodes it may run on", count(standing.nodes)],
        ["Promised start", standing.promised_us ? ago(standing.promised_us) : null],
        ["As of", clock(said.at)],
      ]),
      outlook?.variants.length ? variants(outlook.variants) : null,
      standing.ahead.length ? ahead(standing) : null,
      standing.holders.length ? holders(standing) : null);
  }

  read();
  return { close: () => going.abort() };
}

function expected(as) {
  switch (as.outcome) {
    case "starts":
      return h("p", { class: "large" }, "Starts ", ago(as.at_us), " on ", as.nodes.slice(0, 5).map((node) => `${node.node} (${node.cores})`).join(", "),
        as.nodes.length > 5 ? ` and ${as.nodes.length - 5} more` : "", ", if nothing else comes.");
    case "never":
      return h("p", { class: "large" }, as.endless_jobs
        ? `Nobody can say when it starts: ${counted(as.endless_jobs, "running job")} without a limit may hold what it needs for ever.`
        : "As things are it never starts.");
    case "not_within":
      return h("p", { class: "large" }, `It does not start within the simulation: ${LIMITS[as.limit] ?? as.limit}.`);
    default:
      return h("p", { class: "large" }, "It is not in the queue.");
  }
}

function list(caption, columns, rows) {
  const parts = table(caption, columns, { class: "cards" });
  parts.body.append(...rows.map((cells) => row(columns, cells)));
  return parts.whole;
}

function variants(all) {
  return list("What would make it start sooner", [["Change", "name"], ["Start", "narrow"], ["Sooner by", "narrow right"], ["Place in the queue", "narrow"]],
    all.map((one) => [one.change, ago(one.at_us), one.sooner_by_s === null ? "–" : duration(one.sooner_by_s), one.keeps_place ? "kept" : "lost"]));
}

const link = (id) => h("a", { href: `#/job/${id}` }, String(id));

function ahead(standing) {
  return list(`Jobs before it: the first ${standing.ahead.length} of ${count(standing.ahead_count)}`,
    [["Job", "narrow right"], ["Owner", "name"], ["Priority", "narrow right"], ["Needs", "narrow right"]],
    standing.ahead.map((one) => [link(one.job), one.owner, String(one.priority), `${count(one.min)} ${one.unit}`]));
}

function holders(standing) {
  return list(`Who has what it needs: ${standing.holders.length} of ${count(standing.holder_count)}`,
    [["Job", "narrow right"], ["Owner", "name"], ["Cores", "narrow right"], ["Nodes", "narrow right"], ["Its limit is over", "narrow"]],
    standing.holders.map((one) => [link(one.job), one.owner, count(one.cores), count(one.nodes), one.ends_us ? ago(one.ends_us) : "has none"]));
}
