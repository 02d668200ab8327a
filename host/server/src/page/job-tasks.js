// The tasks of a job, a page at a time.

import { get, post, query } from "./api.js";
import { button, h, row, show, table, update } from "./dom.js";
import { count, state } from "./format.js";
import { tried } from "./notes.js";
import { Chain, PAGE } from "./pager.js";

const COLUMNS = [["Task", "narrow right"], ["Name", "name"], ["State", "narrow"], ["Instances", "narrow"], ["Command", "command"], ["How it ended", "wide-cell"], ["", "narrow"]];

export function tasks(place, context) {
  const parts = table("Tasks", COLUMNS, { class: "cards titled" });
  const pages = new Chain(() => context.again());
  const nothing = h("p", { class: "empty", hidden: true });
  show(place, parts.whole, nothing, pages.place);

  function cells(task) {
    const ends = task.state === "Running" || task.state === "Queued" || task.state === "Dispatching";
    return [
      h("a", { href: `#/job/${context.id}/output?task=${task.id}`, "data-focus": `task-${task.id}`, "aria-label": `Output of task ${task.id}` }, String(task.id)),
      task.name, state(task.state), instances(task),
      h("code", {}, task.command_line), ended(task),
      ends ? button("Cancel", () => tried(async () => {
        await post(`/jobs/${context.id}/tasks/${task.id}/cancel`);
        context.again();
      }, `Task ${task.id} is being canceled.`), { class: "quiet", "data-focus": `cancel-${task.id}`, "aria-label": `Cancel task ${task.id}` }) : "",
    ];
  }

  return {
    async refresh() {
      let page;
      try {
        page = await get(`/jobs/${context.id}/tasks${query({ after: pages.after, limit: PAGE })}`);
      } catch (problem) {
        if (problem.status !== 403) throw problem;
        page = { tasks: [], next: null };
        show(nothing, "Its tasks are for its owner.");
      }
      pages.of(page.next);
      update(parts.body, page.tasks, (task) => JSON.stringify(task), (task) => row(COLUMNS, cells(task)));
      parts.whole.hidden = page.tasks.length === 0;
      nothing.hidden = page.tasks.length !== 0;
      if (!nothing.hidden && !nothing.textContent) show(nothing, "It has no tasks.");
    },
  };
}

/** `3 queued, 2 running`; nothing of a task that is just one. */
function instances(task) {
  const some = Object.entries(task.counts).filter(([, number]) => number > 0);
  const all = some.reduce((sum, [, number]) => sum + number, 0);
  return all > 1 ? some.map(([name, number]) => `${count(number)} ${name}`).join(", ") : "";
}

function ended(task) {
  const each = task.outcomes.map((outcome) => (task.kind === "basic" ? outcome.text : `${outcome.instances}: ${outcome.text}`));
  return [...each, task.last_error, task.message].filter(Boolean).join("; ");
}
