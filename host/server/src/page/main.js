// Begins: who is there, which view is asked for, and the keys.

import { del, get, onLoggedOut } from "./api.js";
import { h, show } from "./dom.js";
import { count, counted } from "./format.js";
import { keys } from "./keys.js";
import { Live } from "./live.js";
import { login } from "./login.js";
import { note } from "./notes.js";
import { chart } from "./view-chart.js";
import { job } from "./view-job.js";
import { jobs, queue, running } from "./view-jobs.js";
import { nodes } from "./view-nodes.js";
import { policies } from "./view-policies.js";
import { simulation } from "./view-simulation.js";
import { submit } from "./view-submit.js";

/** The views by the first part of the address; those with a name stand in the menu. */
const VIEWS = {
  queue: { name: "Queue", view: queue },
  running: { name: "Running", view: running },
  jobs: { name: "All jobs", view: jobs },
  nodes: { name: "Nodes", view: nodes },
  chart: { name: "Chart", view: chart },
  policies: { name: "Policies", view: policies },
  simulation: { name: "Simulation", view: simulation, administrators: true },
  new: { name: "New job", view: submit },
  job: { view: job },
};

const at = (id) => document.getElementById(id);
const main = at("main");
let user = null;
let live = null;
let shown = null;

/** Who is asking, for views. */
function asker(session) {
  const has = (...roles) => roles.some((role) => session.roles.includes(role));
  return {
    name: session.name,
    administers: has("Administrator"),
    operates: has("Administrator", "JobAdministrator", "JobOperator"),
    may(job) {
      return this.operates || job.owner === session.name;
    },
  };
}

/** `#/job/12/output?x=y` in its parts. */
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { view: parts[0] ?? "queue", rest: parts.slice(1), query: new URLSearchParams(query ?? "") };
}

function route(byUser) {
  if (!user) return;
  const address_ = address();
  const known = VIEWS[address_.view] ?? VIEWS.queue;
  for (const link of at("nav").children) {
    if (link.dataset.view === address_.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  at("nav").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  // The same view of the same thing goes on, with another query or part.
  const next = { user, again: () => live.again(), ...address_ };
  if (shown?.name === address_.view && shown.move?.(next)) {
    live.show(shown.refresh);
    return;
  }
  shown?.close?.();
  show(main);
  shown = { name: address_.view, ...known.view(main, next) };
  const heading = main.querySelector("h1");
  document.title = heading ? `${heading.textContent} · jobyard` : "jobyard";
  if (byUser) {
    window.scrollTo(0, 0);
    if (!main.contains(document.activeElement)) main.focus({ preventScroll: true });
  }
  const { refresh } = shown;
  live.show(async () => {
    try {
      await refresh?.();
    } catch (problem) {
      // Those of a lost connection are said once, above.
      if (problem.status > 0 && problem.status !== 401 && problem.status !== 429) note(problem.message, true);
    }
  });
}

function linked(how) {
  const says = {
    live: "Live",
    polling: "Up to date",
    lost: "The daemon does not answer. What you see is not up to date; trying again …",
  };
  const link = at("link");
  if (link.dataset.how === how) return;
  link.dataset.how = how;
  link.textContent = says[how];
}

function numbers(summary) {
  const used = summary.cores - summary.free_cores;
  const nodes = summary.nodes_unreachable
    ? `${count(summary.nodes_online)} of ${counted(summary.nodes, "node")}, ${count(summary.nodes_unreachable)} unreachable`
    : `${count(summary.nodes_online)} of ${counted(summary.nodes, "node")}`;
  const each = [
    [count(summary.queued), " queued", "#/queue"],
    [count(summary.running), " running", "#/running"],
    [`${count(used)}/${count(summary.cores)}`, " cores used", "#/nodes"],
    [nodes, "", "#/nodes"],
    ["", `policy ${summary.policy}`, "#/policies"],
  ];
  const place = at("numbers");
  if (place.children.length !== each.length) {
    show(place, each.map(([, , href]) => h("li", {}, h("a", { href }, h("b"), h("span")))));
  }
  each.forEach(([number, text], index) => {
    const [bold, plain] = place.children[index].firstElementChild.children;
    if (bold.textContent !== number) bold.textContent = number;
    if (plain.textContent !== text) plain.textContent = text;
  });
}

function enter(session) {
  user = asker(session);
  at("who").textContent = session.name;
  at("top").hidden = at("strip").hidden = false;
  const views = Object.entries(VIEWS).filter(([, view]) => view.name && (user.administers || !view.administrators));
  show(at("nav"), views.map(([name, view]) => h("a", { href: `#/${name}`, "data-view": name }, view.name)));
  live = new Live({ seesAll: user.operates, linked, numbers });
  route(false);
  live.start();
}

function leave() {
  live?.stop();
  shown?.close?.();
  user = live = shown = null;
  at("top").hidden = at("strip").hidden = true;
  at("notes").replaceChildren();
  document.title = "Log in · jobyard";
  login(main, (session) => {
    show(main);
    enter(session);
  });
}

async function begin() {
  try {
    enter(await get("/session"));
  } catch (problem) {
    if (problem.status === 401) return leave();
    show(main, h("p", { class: "empty" }, `The daemon cannot be asked: ${problem.message}. Trying again …`));
    setTimeout(begin, 3_000);
  }
}

at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = at("wanted").value.trim().replace(/^#/, "");
  if (/^\d+$/.test(wanted)) location.hash = `#/job/${wanted}`;
  else if (wanted) location.hash = `#/jobs?name=${encodeURIComponent(wanted)}`;
  at("wanted").value = "";
  main.focus({ preventScroll: true });
});
at("leave").addEventListener("click", async () => {
  await del("/session").catch(() => {});
  leave();
});
window.addEventListener("hashchange", () => route(true));
onLoggedOut(() => user && leave());
keys({ search: at("wanted"), help: at("help"), isIn: () => user !== null });
begin();
