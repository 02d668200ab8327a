// One job: what it is, what can be done with it, and in parts its tasks, its output, its events, and when it starts.

import { del, get, post, put } from "./api.js";
import { button, facts, field, h, show } from "./dom.js";
import { ago, progress, size, state } from "./format.js";
import { events } from "./job-events.js";
import { outlook } from "./job-outlook.js";
import { output } from "./job-output.js";
import { tasks } from "./job-tasks.js";
import { ask, note, tried } from "./notes.js";
import { held } from "./view-jobs.js";

const PARTS = {
  tasks: { name: "Tasks", part: tasks },
  output: { name: "Output", part: output },
  events: { name: "Events", part: events },
  outlook: { name: "Why and when", part: outlook },
};

/** What the state of a job allows: in which fine states each verb makes sense. The daemon has the last word. */
const WAITS = ["Submitted", "Validating", "ExternalValidation", "Queued"];
const ALLOWS = {
  submit: ["Configuring"],
  cancel: ["Configuring", ...WAITS, "Running"],
  finish: ["Queued", "Running"],
  requeue: ["Running", "Failed", "Canceled"],
  hold: ["Queued", "Running"],
  configure: [...WAITS, "Failed", "Canceled"],
};

export function job(place, context) {
  const id = Number(context.rest[0]);
  if (!Number.isInteger(id) || id < 1) {
    show(place, h("h1", {}, "Job"), h("p", { class: "empty" }, "A job has a number."));
    return {};
  }
  const title = h("h1", {}, `Job ${id}`);
  const head = h("div", {});
  const actions = h("div", { class: "actions", role: "group", "aria-label": "What can be done" });
  const tabs = h("nav", { class: "tabs", "aria-label": "Parts of the job" },
    Object.entries(PARTS).map(([name, part]) => h("a", { href: `#/job/${id}/${name}`, "data-part": name }, part.name)));
  const body = h("div", { class: "part" });
  show(place, title, head, actions, tabs, body);
  let [known, current, offered] = [null, null, ""];

  function open() {
    const name = PARTS[context.rest[1]] ? context.rest[1] : "tasks";
    for (const link of tabs.children) {
      if (link.dataset.part === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    current?.close?.();
    show(body);
    current = PARTS[name].part(body, { ...context, id, job: () => known });
  }

  function draw(job) {
    show(title, job.name || "no name", " ", h("small", {}, `job ${id}`));
    document.title = `${job.name || "Job"} ${id} · jobyard`;
    const waits = job.waiting ? h("p", { class: "why" }, h("b", {}, "Waits: "), job.waiting.text) : null;
    const error = job.error_message ? h("p", { class: "wrong" }, job.error_message) : null;
    show(head,
      h("p", { class: "line" }, state(job.state), progress(job.progress, "Progress"), job.progress_message ? h("span", {}, job.progress_message) : null),
      waits, error,
      facts([
        ["Owner", job.owner], ["Priority", String(job.priority)], ["Needs", job.max_cores ? `${size(job)}${job.unit === "core" ? (job.max_cores === 1 ? " core" : " cores") : ""}` : null],
        ["Holds", held(job)], ["Project", job.project], ["Template", job.template], ["Pool", job.pool],
        ["Submitted", job.submitted && ago(job.submitted)], ["Started", job.started && ago(job.started)], ["Ended", job.ended && ago(job.ended)],
        ["Held until", job.hold_until && ago(job.hold_until)], ["Expected start", job.expected_start && ago(job.expected_start)],
        ["Queued again", job.requeue_count ? String(job.requeue_count) : null],
      ]));
    const may = context.user.may(job);
    const sign = `${job.state} ${Boolean(job.hold_until)} ${may}`;
    if (sign === offered) return;
    offered = sign;
    show(actions, may ? verbs(job) : h("p", { class: "muted" }, "This job is not yours: you see that it is there."));
  }

  function verbs(job) {
    const allowed = (verb) => ALLOWS[verb].includes(job.state);
    const act = (verb, body = {}) => async () => {
      await post(`/jobs/${id}/${verb}`, body);
      context.again();
    };
    const simple = (verb, word, done) => (allowed(verb) ? button(word, () => tried(act(verb), done), { "data-verb": verb }) : null);
    return [
      simple("submit", "Submit", `Job ${id} was submitted.`),
      allowed("cancel") ? button("Cancel", cancel, { class: "danger", "data-verb": "cancel" }) : null,
      simple("finish", "Finish", `Job ${id} is to finish.`),
      simple("requeue", "Queue again", `Job ${id} is queued again.`),
      allowed("hold") && !job.hold_until ? button("Hold", hold, { "data-verb": "hold" }) : null,
      job.hold_until ? button("Release", () => tried(async () => {
        await del(`/jobs/${id}/hold`);
        context.again();
      }, `Job ${id} may start.`), { "data-verb": "release" }) : null,
      simple("configure", "Back to editing", `Job ${id} is not submitted any more.`),
      button("Copy", () => tried(async () => {
        const copy = await post(`/jobs/${id}/clone`);
        location.hash = `#/job/${copy.id}`;
      }), { "data-verb": "clone" }),
    ];
  }

  function cancel() {
    const message = h("input", { id: "cancel-message", maxlength: 320, autocomplete: "off" });
    const forced = h("input", { id: "cancel-forced", type: "checkbox" });
    ask(`Cancel job ${id}?`, [
      field("Message", message, "Kept with the job; may be empty."),
      h("p", {}, forced, " ", h("label", { for: "cancel-forced" }, "At once, without a grace period")),
    ], "Cancel the job", async () => {
      await post(`/jobs/${id}/cancel`, { message: message.value, forced: forced.checked });
      note(`Job ${id} is being canceled.`);
      context.again();
    }, true);
  }

  function hold() {
    const local = new Date(Date.now() + 3_600_000);
    local.setMinutes(local.getMinutes() - local.getTimezoneOffset());
    const until = h("input", { id: "hold-until", type: "datetime-local", required: true, value: local.toISOString().slice(0, 16) });
    ask(`Hold job ${id}`, [field("Not to start before", until)], "Hold", async () => {
      await put(`/jobs/${id}/hold`, { until: new Date(until.value).toISOString() });
      context.again();
    });
  }

  open();
  return {
    move(next) {
      if (Number(next.rest[0]) !== id) return false;
      context = next;
      open();
      return true;
    },
    close: () => current?.close?.(),
    async refresh() {
      try {
        known = await get(`/jobs/${id}`);
      } catch (problem) {
        if (problem.status !== 404) throw problem;
        current?.close?.();
        current = null;
        show(place, h("h1", {}, `Job ${id}`), h("p", { class: "empty" }, `There is no job ${id}: it never was, or it has been forgotten.`));
        return;
      }
      draw(known);
      await current?.refresh?.();
    },
  };
}
