// A form for a new job: the few things that most jobs need. The command line and job files know the rest.

import { post, query } from "./api.js";
import { field, h, show } from "./dom.js";
import { note } from "./notes.js";

const UNITS = ["cores", "nodes", "sockets", "gpus"];

export function submit(place) {
  const name = h("input", { id: "job-name", autocomplete: "off", maxlength: 80 });
  const command = h("textarea", { id: "job-command", required: true, rows: 3, spellcheck: "false", autocapitalize: "none" });
  const amount = h("input", { id: "job-amount", type: "number", min: 1, value: 1, required: true });
  const unit = h("select", { id: "job-unit" }, UNITS.map((unit) => h("option", {}, unit)));
  const minutes = h("input", { id: "job-minutes", type: "number", min: 1, max: 525600, value: 60 });
  const priority = h("select", { id: "job-priority" }, ["Lowest", "BelowNormal", "Normal", "AboveNormal", "Highest"]
    .map((name) => h("option", { value: name, selected: name === "Normal" }, name.replace(/([a-z])([A-Z])/, "$1 $2").toLowerCase())));
  const sweep = h("input", { id: "job-sweep", placeholder: "1-100", autocomplete: "off", pattern: "\\s*\\d+\\s*-\\s*\\d+\\s*(:\\s*\\d+\\s*)?" });
  const folder = h("input", { id: "job-folder", placeholder: "/path/on/the/nodes", autocomplete: "off", spellcheck: "false" });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: "main" }, "Submit");
  const send = async (event) => {
    event.preventDefault();
    go.disabled = true;
    show(wrong);
    const task = { command: command.value };
    if (sweep.value.trim()) task.sweep = sweep.value.replace(/\s+/g, "");
    const job = { [unit.value]: amount.value, priority: priority.value, task: [task] };
    if (name.value.trim()) job.name = name.value.trim();
    if (minutes.value) job.runtime = `${minutes.value}m`;
    try {
      const made = await post(`/jobs${query({ submit: true, file: "the job", folder: folder.value.trim() })}`, job);
      note(`Job ${made.id} was submitted.`);
      location.hash = `#/job/${made.id}`;
    } catch (problem) {
      show(wrong, problem.message);
    }
    go.disabled = false;
  };
  show(place, h("h1", {}, "New job"),
    h("form", { class: "panel form", on: { submit: send } },
      field("Command", command, "What each task runs, as in a shell."),
      field("Name", name),
      h("div", { class: "beside" }, field("Needs", amount), field("Of", unit), field("Minutes", minutes, "It is stopped after that."), field("Priority", priority)),
      h("details", {}, h("summary", {}, "More"),
        field("Sweep", sweep, "One task for each number; * in the command is the number."),
        field("Folder", folder, "Where it runs.")),
      wrong, h("div", { class: "actions" }, go)));
  command.focus();
  return {};
}
