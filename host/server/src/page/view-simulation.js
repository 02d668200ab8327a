// What other policies would have made of the jobs on record: chosen here, simulated by the daemon, shown as a report.

import { get, post } from "./api.js";
import { field, h, row, show, table } from "./dom.js";
import { count, counted, duration } from "./format.js";

const PERIODS = [["hour", 3_600], ["day", 86_400], ["week", 604_800], ["30 days", 2_592_000]];
/** Numbers that differ by less count as the same: a share. */
const SAME_WITHIN = 0.0005;
/** Policies of one simulation. */
const POLICIES_MAX = 5;

export function simulation(place) {
  const period = h("select", { id: "sim-period" }, h("option", { value: "" }, "all that is on record"), PERIODS.map(([text, seconds]) => h("option", { value: seconds }, `the last ${text}`)));
  const actual = h("input", { id: "sim-actual", type: "checkbox" });
  const choices = h("fieldset", {}, h("legend", {}, "Against what happened"));
  const wrong = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: "main" }, "Simulate");
  const out = h("div", { id: "report" });
  const run = async (event) => {
    event.preventDefault();
    show(wrong);
    const chosen = [...choices.querySelectorAll("input:checked")];
    if (!chosen.length || chosen.length > POLICIES_MAX) {
      show(wrong, `Choose one policy to ${POLICIES_MAX}.`);
      return;
    }
    go.disabled = true;
    show(out, h("p", { class: "about", role: "status" }, "The jobs run again in virtual time …"));
    try {
      const from = period.value ? new Date(Date.now() - period.value * 1000).toISOString() : undefined;
      const policies = chosen.map((input) => ({ policy: input.value, settings: words(input.closest(".choice").querySelector("[type=text]").value) }));
      report(out, await post("/simulation", { policies, from, actual_run_times: actual.checked }));
    } catch (problem) {
      show(out);
      show(wrong, problem.message);
    }
    go.disabled = false;
  };
  show(place, h("h1", {}, "Simulation"),
    h("p", { class: "about" }, "The jobs that this daemon has recorded run again in virtual time, with the same arrivals and run times, and another policy deciding."),
    h("form", { class: "panel form", on: { submit: run } }, choices,
      h("div", { class: "beside" }, field("Jobs of", period)),
      h("p", {}, actual, " ", h("label", { for: "sim-actual" }, "Tell policies how long jobs really ran")),
      wrong, h("div", { class: "actions" }, go)), out);
  let filled = false;
  return {
    async refresh() {
      if (filled) return;
      filled = true;
      const [list, built] = await Promise.all([get("/policies"), get("/builtin-policies")]);
      const names = [...new Set([...list.policies.map((one) => one.name), ...built.names])];
      choices.append(...names.map((name, at) => h("div", { class: "choice" },
        h("span", {}, h("input", { type: "checkbox", id: `sim-${at}`, value: name, checked: name === list.active?.name }), " ", h("label", { for: `sim-${at}` }, name)),
        h("input", { type: "text", "aria-label": `Settings of ${name}`, placeholder: "settings, as order=sjbf", autocomplete: "off", spellcheck: "false", autocapitalize: "none" }))));
    },
  };
}

/** `name=value` with blanks between. */
function words(text) {
  return Object.fromEntries(text.split(/\s+/).filter(Boolean).map((word) => {
    const at = word.indexOf("=");
    if (at < 1) throw new Error(`"${word}" is no setting: write name=value`);
    return [word.slice(0, at), word.slice(at + 1)];
  }));
}

function report(place, { comparison, page }) {
  const { runs } = comparison;
  const columns = [["", "name"], ...runs.map((run) => [run.name, "right"])];
  const whole = table(`${counted(comparison.jobs, "job")} of ${counted(comparison.users, "user")} on ${counted(comparison.cores, "core")}`, columns, { class: "runs" });
  const lines = [
    ["Mean wait", (run) => run.wait.average_s, duration, -1], ["Median wait", (run) => run.wait.median_s, duration, -1],
    ["95 % wait at most", (run) => run.wait.p95_s, duration, -1], ["Longest wait", (run) => run.wait.maximum_s, duration, -1],
    ["Mean bounded slowdown", (run) => run.bounded_slowdown.average, (number) => number.toFixed(2), -1],
    ["Utilisation", (run) => run.utilisation, (share) => `${(100 * share).toFixed(1)} %`, 1],
    ["Makespan", (run) => run.makespan_s, duration, -1],
    ["Fairness", (run) => run.fairness, (number) => number.toFixed(3), 1],
    ["Starved jobs", (run) => run.starvation.jobs, count, -1],
    ["Refused proposals", (run) => run.refused_proposals, count, 0],
  ];
  for (const [name, of, text, better] of lines) {
    const first = of(runs[0]);
    whole.body.append(row(columns, [name, ...runs.map((run, at) => {
      const value = of(run);
      if (value === null || value === undefined) return "–";
      return h("span", {}, text(value), at > 0 && better !== 0 ? change(first, value, better) : null);
    })]));
  }
  const gains = runs.slice(1).filter((run) => run.changes).map((run) => h("p", {},
    h("b", {}, run.name), `: ${count(run.changes.jobs_better)} jobs wait less, ${count(run.changes.jobs_worse)} longer, ${count(run.changes.jobs_same)} as long; ${counted(run.changes.users_better, "user")} gain, ${count(run.changes.users_worse)} lose.`));
  const left = Object.entries({ ...comparison.left_out, ...comparison.assumed }).filter(([, number]) => number > 0)
    .map(([what, number]) => `${what.replaceAll("_", " ")}: ${count(number)}`);
  const save = h("a", { href: URL.createObjectURL(new Blob([page], { type: "text/html" })), download: "simulation.html", class: "button" }, "Save the whole report");
  show(place, h("h2", {}, "What came out"), whole.whole, gains, legend(runs), charts(page), left.length ? h("p", { class: "about" }, `Left out or taken otherwise: ${left.join(", ")}.`) : null,
    h("div", { class: "actions" }, save));
}

/** By how much it is better or worse, in words and colour. */
function change(first, value, better) {
  if (Math.abs(first - value) <= Math.abs(first) * SAME_WITHIN) return null;
  const good = (value - first) * better > 0;
  const by = first ? ` ${value > first ? "+" : "−"}${Math.abs((100 * (value - first)) / first).toFixed(1)} %` : "";
  return h("small", { class: good ? "good" : "bad" }, `${by} ${good ? "better" : "worse"}`);
}

/** The drawings of the report, with their captions as text: nothing else of its page is taken over. */
function charts(page) {
  const each = [...page.matchAll(/<figure>.*?<\/figure>/gs)].map(([text]) => {
    const figure = new DOMParser().parseFromString(text, "text/html").body;
    const drawing = figure.querySelector("svg");
    const title = figure.querySelector("h3")?.textContent ?? "";
    const about = figure.querySelector(".about")?.textContent ?? "";
    return h("figure", {}, h("figcaption", {}, h("h3", {}, title), h("p", { class: "about" }, about)), drawing ? document.importNode(drawing, true) : null);
  });
  return h("div", { class: "charts" }, each);
}

/** Which line of the drawings is which run. */
function legend(runs) {
  return h("ul", { class: "legend" }, runs.map((run, at) => h("li", {}, h("span", { class: `swatch run-${at + 1}` }), ` ${run.name}`)));
}
