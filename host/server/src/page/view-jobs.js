// Lists of jobs: the queue with why and when, what runs with its progress, and all jobs, searched.

import { get, query } from "./api.js";
import { field, h, row, show, table, update } from "./dom.js";
import { ago, count, jobLink, progress, since, size, state } from "./format.js";
import { Chain, PAGE, Pager } from "./pager.js";

const NUMBER = (job) => h("span", { class: "number" }, String(job.id));

/** A table of jobs: `columns` are [heading, class, what of a job]. A row is made anew when what it shows has changed. */
function list(caption, columns) {
  const parts = table(caption, columns, { class: "cards titled" });
  return {
    whole: parts.whole,
    set(jobs) {
      const text = (cell) => (cell instanceof Node ? cell.textContent : String(cell ?? ""));
      const rows = jobs.map((job) => ({ job, cells: columns.map(([, , of]) => of(job)) }));
      const sign = ({ job, cells }) => `${job.id} ${cells.map(text).join("\u0001")}`;
      update(parts.body, rows, sign, ({ cells }) => row(columns, cells.map((cell) => cell ?? ""), {}));
    },
  };
}

/** A list of which any part can be shown. */
function part(place, { title, about, path, columns, empty }) {
  const parts = list(title, columns);
  let context;
  const pager = new Pager(() => context.again());
  const nothing = h("p", { class: "empty", hidden: true }, empty);
  show(place, h("h1", {}, title), h("p", { class: "about" }, about), parts.whole, nothing, pager.place);
  return {
    enter(next) {
      context = next;
    },
    async refresh() {
      const answer = await get(path + query({ offset: pager.offset, limit: PAGE }));
      if (pager.of(answer.total)) return this.refresh();
      parts.set(answer.jobs.map((job, index) => ({ ...job, place: answer.offset + index + 1 })));
      parts.whole.hidden = answer.total === 0;
      nothing.hidden = answer.total !== 0;
      return undefined;
    },
  };
}

function why(job) {
  if (job.hold_until) return h("span", {}, "Held until ", ago(job.hold_until));
  return job.waiting?.text ?? h("span", { class: "muted" }, "Not yours to see");
}

export function queue(place, context) {
  const view = part(place, {
    title: "Queue",
    about: "Jobs that wait, in the order of the queue: why each of them waits, and when the policy expects it to start.",
    path: "/queue",
    empty: "The queue is empty: every job that could start has started.",
    columns: [
      ["Place", "narrow right", (job) => h("span", { class: "number" }, count(job.place))],
      ["Name", "name", (job) => jobLink(job)],
      ["Job", "narrow right", NUMBER],
      ["Owner", "narrow", (job) => job.owner],
      ["Priority", "narrow right", (job) => String(job.priority)],
      ["Cores", "narrow right", size],
      ["Waits for", "narrow", (job) => since(job.submitted)],
      ["Why", "wide-cell", why],
      ["Expected start", "narrow", (job) => (job.expected_start ? ago(job.expected_start) : h("a", { href: `#/job/${job.id}/outlook`, class: "muted" }, "ask"))],
    ],
  });
  view.enter(context);
  return { refresh: () => view.refresh() };
}

export function running(place, context) {
  const view = part(place, {
    title: "Running",
    about: "Jobs that hold cores, the one that was added last first.",
    path: "/running",
    empty: "Nothing runs.",
    columns: [
      ["Job", "narrow right", NUMBER],
      ["Name", "name", (job) => jobLink(job)],
      ["Owner", "narrow", (job) => job.owner],
      ["State", "narrow", (job) => state(job.state)],
      ["Progress", "narrow", (job) => progress(job.progress, `Progress of job ${job.id}`)],
      ["Says", "wide-cell", (job) => job.progress_message],
      ["Cores", "narrow right", size],
      ["On", "wide-cell", (job) => held(job)],
      ["Runs for", "narrow", (job) => since(job.started)],
    ],
  });
  view.enter(context);
  return { refresh: () => view.refresh() };
}

/** What a job has, in few words. */
export function held(job) {
  const all = job.allocation.map((share) => `${share.node}: ${share.cores}`);
  return all.length > 3 ? `${all.slice(0, 2).join(", ")} and ${all.length - 2} more` : all.join(", ");
}

const STATES = ["Configuring", "Queued", "Running", "Finished", "Failed", "Canceled"];

export function jobs(place, context) {
  const parts = list("All jobs", [
    ["Job", "narrow right", NUMBER],
    ["Name", "name", (job) => jobLink(job)],
    ["Owner", "narrow", (job) => job.owner],
    ["State", "narrow", (job) => state(job.state)],
    ["Submitted", "narrow", (job) => ago(job.submitted ?? job.created)],
    ["Started", "narrow", (job) => ago(job.started)],
    ["Ended", "narrow", (job) => ago(job.ended)],
    ["Message", "wide-cell", (job) => job.error_message],
  ]);
  const pages = new Chain(() => context.again());
  const name = h("input", { id: "filter-name", autocomplete: "off", spellcheck: "false" });
  const owner = h("input", { id: "filter-owner", autocomplete: "off", spellcheck: "false", autocapitalize: "none" });
  const chosen = h("select", { id: "filter-state" }, h("option", { value: "" }, "any"), STATES.map((state) => h("option", {}, state)));
  const nothing = h("p", { class: "empty", hidden: true }, "No job is like that.");
  const submit = (event) => {
    event.preventDefault();
    location.hash = `#/jobs${query({ name: name.value.trim(), owner: owner.value.trim(), status: chosen.value })}`;
  };
  const fill = () => {
    name.value = context.query.get("name") ?? "";
    owner.value = context.query.get("owner") ?? "";
    chosen.value = context.query.get("status") ?? "";
  };
  show(place, h("h1", {}, "All jobs"),
    h("form", { class: "filter", on: { submit } }, field("Name", name), field("Owner", owner), field("State", chosen), h("button", { type: "submit" }, "Show")),
    parts.whole, nothing, pages.place);
  chosen.addEventListener("change", submit);
  fill();
  return {
    move(next) {
      context = next;
      pages.reset();
      fill();
      return true;
    },
    async refresh() {
      const { name, owner, status } = Object.fromEntries(context.query);
      // A coarse state by its name; the daemon spells one of them otherwise.
      const coarse = { Configuring: "0", Queued: "1", Running: "2", Finished: "3", Failed: "4", Canceled: "5" }[status];
      const answer = await get(`/jobs${query({ name, owner, status: coarse, after: pages.after, limit: PAGE })}`);
      pages.of(answer.next);
      parts.set(answer.jobs);
      parts.whole.hidden = answer.jobs.length === 0;
      nothing.hidden = answer.jobs.length !== 0;
    },
  };
}
