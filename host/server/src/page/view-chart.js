// Which job has which node over time: what was, what is, and what the policy makes of the queue.

import { get, query } from "./api.js";
import { button, field, h, row, show, svg, table, update } from "./dom.js";
import { clock, count, duration, moment } from "./format.js";
import { PAGE, Pager } from "./pager.js";

const BACK = [[900, "15 minutes"], [3_600, "hour"], [21_600, "6 hours"], [86_400, "day"]];
/** Nodes in one chart. */
const LANES = 24;
/** Bars in one chart: the latest of the past and the first of the plan. */
const BARS_MAX = 2_000;
/** Between two simulations of the plan, in milliseconds: each takes a core for a moment. */
const PLAN_EVERY = 10_000;
/** Between two looks at the past. */
const PAST_EVERY = 2_000;
/** The least that is shown of past and future, in microseconds. */
const LEAST_US = 1.2e8;
const LABEL = 92;
const AXIS = 22;
/** Colours that owners are told apart by; names are in the bars and in the table. */
const HUES = 8;
const COLUMNS = [["Job", "narrow right"], ["Name", "name"], ["Owner", "name"], ["Node", "name"], ["Cores", "narrow right"], ["From", "narrow"], ["To", "narrow"], ["What", "narrow"]];

export function chart(place, context) {
  let [past, plan, cores, lane] = [null, null, new Map(), 0];
  let [planAt, pastAt, noPlan] = [-Infinity, -Infinity, ""];
  const back = h("select", { id: "chart-back" }, BACK.map(([seconds, text]) => h("option", { value: seconds, selected: seconds === 3_600 }, text)));
  const says = h("p", { class: "about", role: "status" });
  const picture = h("div", { class: "gantt panel" }, h("p", { class: "empty" }, "What the nodes did is being read …"));
  const before = button("Nodes before", () => move(-LANES));
  const after = button("More nodes", () => move(LANES));
  const shown = h("span", {});
  const lanes = h("div", { class: "pager", hidden: true }, before, shown, after);
  const parts = table("The same as a table", COLUMNS, { class: "cards" });
  const pager = new Pager(() => list());
  back.addEventListener("change", () => {
    pastAt = -Infinity;
    context.again();
  });
  show(place, h("h1", {}, "Chart"), h("div", { class: "filter" }, field("The last", back)), says,
    h("p", { class: "legend" }, h("span", {}, h("span", { class: "swatch was" }), " ran or runs"), h("span", {}, h("span", { class: "swatch will" }), " planned, or until its limit; a colour for each owner")),
    picture, lanes, h("details", { on: { toggle: () => list() } }, h("summary", {}, "The same as a table"), parts.whole, pager.place));
  const sized = new ResizeObserver(() => draw());
  sized.observe(picture);

  function move(by) {
    lane = Math.max(0, lane + by);
    draw();
  }

  /** One form for all: node, from, to, and whether it is still to come. */
  function bars() {
    if (!past) return [];
    const now = past.now_us;
    const was = past.spans.map((span) => ({ ...span, from: span.start_us, to: span.end_us ?? now, planned: false, runs: span.end_us === null }));
    const rest = past.spans.filter((span) => span.end_us === null && span.limit_us > now)
      .map((span) => ({ ...span, from: now, to: span.limit_us, planned: true, rest: true }));
    // The plan may be some seconds old: what has started since is not planned any more.
    const begun = new Set(past.spans.filter((span) => span.end_us === null || span.start_us > (plan?.made_us ?? now)).map((span) => span.job));
    const will = (plan?.starts ?? []).filter((start) => !begun.has(start.job)).flatMap((start) => start.nodes.map((node) => ({
      job: start.job, name: start.name, owner: start.owner, node: node.node, cores: node.cores,
      from: Math.max(now, start.start_us), to: start.end_us ?? Infinity, planned: true,
    })));
    return [...was.slice(-BARS_MAX), ...rest, ...will.slice(0, BARS_MAX)];
  }

  function draw() {
    const all = bars();
    const width = picture.clientWidth - 16;
    if (!past || width <= 0) return;
    const names = [...cores.keys()];
    lane = Math.min(lane, Math.max(0, Math.floor((names.length - 1) / LANES) * LANES));
    const here = names.slice(lane, lane + LANES);
    lanes.hidden = names.length <= LANES;
    show(shown, `Nodes ${count(lane + 1)}–${count(lane + here.length)} of ${count(names.length)}`);
    before.disabled = lane === 0;
    after.disabled = lane + LANES >= names.length;
    // As far back as there is something to see, and not so near that now fills the chart.
    const first = past.spans.reduce((first, span) => Math.min(first, span.start_us), past.now_us);
    const whole = Number(back.value) * 1e6;
    const from = past.now_us - Math.min(whole, Math.max(LEAST_US, (past.now_us - first) * 1.05));
    // As far as the plan reaches, but the past is not to be squeezed away; the next starts are seen in any case.
    const next = all.filter((bar) => bar.planned && !bar.rest).map((bar) => bar.from).sort((a, b) => a - b)[0] ?? past.now_us;
    const ends = all.filter((bar) => bar.planned && bar.to < Infinity).map((bar) => bar.to);
    const reach = Math.max(past.now_us + 6e7, ...ends.slice(0, BARS_MAX * 2));
    const to = Math.min(reach, past.now_us + Math.max(LEAST_US, (past.now_us - from) * 2, (next - past.now_us) * 2));
    const left = width < 500 ? 56 : LABEL;
    const x = (us) => left + ((Math.min(Math.max(us, from), to) - from) / (to - from)) * (width - left);
    const heights = here.map((name) => Math.min(64, Math.max(20, 8 * (cores.get(name) ?? 1))));
    const tops = heights.map((_, at) => AXIS + heights.slice(0, at).reduce((sum, high) => sum + high + 6, 0));
    const high = (tops.at(-1) ?? AXIS) + (heights.at(-1) ?? 0) + 18;
    const drawing = svg("svg", { width, height: high, viewBox: `0 0 ${width} ${high}`, role: "img", "aria-label": "Jobs on nodes over time; the table below has the same" });
    axis(drawing, from, to, x, high, width);
    here.forEach((name, at) => {
      drawing.append(svg("rect", { class: "lane", x: left, y: tops[at], width: Math.max(0, width - left), height: heights[at] }));
      const label = svg("text", { class: "lane-name", x: 0, y: tops[at] + heights[at] / 2 + 4 }, fit(name, left - 6));
      label.append(svg("title", {}, name));
      drawing.append(label);
      const mine = all.filter((bar) => bar.node === name && bar.to > from && bar.from < to);
      lay(mine, cores.get(name) ?? 1, heights[at], (bar, pieces) => drawing.append(box(bar, x, pieces.map((piece) => ({ ...piece, y: tops[at] + piece.y })))));
    });
    const now = x(past.now_us);
    drawing.append(svg("line", { class: "now", x1: now, x2: now, y1: AXIS - 4, y2: high - 12 }), svg("text", { class: "now-name", x: now, y: high - 2, "text-anchor": "middle" }, "now"));
    show(picture, here.length ? drawing : h("p", { class: "empty" }, "There are no nodes."));
    const words = [`${count(past.spans.length)} pieces of work since ${clock(Math.max(from, past.from_us))}`];
    if (past.left_out) words.push(`${count(past.left_out)} earlier ones are left out`);
    if (past.from_us > from + 1e6) words.push(`the journal's latest events reach back to ${clock(past.from_us)}`);
    if (!plan) words.push(noPlan || "the plan is being made …");
    else if (plan.limit === "jobs_max") words.push(`the queue of ${count(plan.queued)} jobs is too long to be simulated`);
    else words.push(`${count(plan.starts.length)} of ${count(plan.queued)} queued jobs are planned, as of ${clock(plan.made_us)}`);
    says.textContent = `${words.join("; ").replace(/[.…\s]+$/, "")}.`;
    list();
  }

  function list() {
    if (!place.querySelector("details")?.open) return;
    const all = bars().filter((bar) => !bar.rest).sort((a, b) => b.from - a.from || b.job - a.job);
    pager.of(all.length);
    const here = all.slice(pager.offset, pager.offset + PAGE);
    update(parts.body, here, (bar) => JSON.stringify([bar.job, bar.node, bar.from, bar.runs ? 0 : bar.to, bar.planned, bar.state]), (bar) => row(COLUMNS, [
      h("a", { href: `#/job/${bar.job}`, "data-focus": `bar-${bar.job}-${bar.node}` }, String(bar.job)), bar.name, bar.owner, bar.node, bar.cores ? count(bar.cores) : "–",
      h("time", { title: moment(bar.from) }, clock(bar.from)), bar.runs ? "–" : bar.to < Infinity ? h("time", { title: moment(bar.to) }, clock(bar.to)) : "no limit",
      bar.planned ? "planned" : bar.runs ? "runs" : "ran",
    ]));
  }

  return {
    close: () => sized.disconnect(),
    async refresh() {
      const now = performance.now();
      if (now - pastAt > PAST_EVERY) {
        const [timeline, { nodes }] = await Promise.all([get(`/timeline${query({ seconds: back.value })}`), get("/nodes")]);
        [past, pastAt] = [timeline, performance.now()];
        cores = new Map(nodes.map((node) => [node.name, node.cores]));
        draw();
      }
      if (now - planAt > PLAN_EVERY) {
        planAt = now;
        // Beside the rest: it may take seconds.
        get("/plan").then((made) => {
          [plan, planAt] = [made, performance.now()];
          draw();
        }, (problem) => {
          if (problem.status > 0) noPlan = `there is no plan: ${problem.message}`;
          draw();
        });
      }
    },
  };
}

/**
 * Gives each bar of one node as many of its cores as it has, so that bars which overlap in time stand above each other. `put` is
 * called with the bar and the pieces of the node's height that it has.
 */
function lay(bars, cores, height, put) {
  const until = new Array(cores).fill(-Infinity);
  const unit = height / cores;
  for (const bar of bars.sort((a, b) => a.from - b.from || a.job - b.job)) {
    const wanted = Math.min(cores, Math.max(1, bar.cores || cores));
    const taken = pick(until, bar.from, wanted);
    for (const core of taken) until[core] = bar.to;
    const pieces = [];
    for (const core of taken) {
      const last = pieces.at(-1);
      if (last && last.end === core) last.end += 1;
      else pieces.push({ at: core, end: core + 1 });
    }
    put(bar, pieces.map(({ at, end }) => ({ y: at * unit, tall: Math.max(1.5, (end - at) * unit - 1) })));
  }
}

/** Cores that are free then: side by side where there are so many, else the first ones, else those that are free soonest. */
function pick(until, from, wanted) {
  let run = 0;
  for (let core = 0; core < until.length; core += 1) {
    run = until[core] <= from ? run + 1 : 0;
    if (run === wanted) return Array.from({ length: wanted }, (_, at) => core - wanted + 1 + at);
  }
  const all = until.map((end, core) => ({ end: Math.max(end, from), core }));
  return all.sort((a, b) => a.end - b.end || a.core - b.core).slice(0, wanted).map(({ core }) => core).sort((a, b) => a - b);
}

function box(bar, x, pieces) {
  const [from, to] = [x(bar.from), x(bar.to)];
  const width = Math.max(1.5, to - from - 0.5);
  const link = svg("a", { href: `#/job/${bar.job}`, tabindex: -1, class: `bar hue-${hue(bar.owner)}${bar.planned ? " planned" : ""}` });
  const time = bar.to < Infinity ? `${clock(bar.from)} to ${clock(bar.to)}, ${duration((bar.to - bar.from) / 1e6)}` : `from ${clock(bar.from)}`;
  link.append(svg("title", {}, `${bar.planned ? "planned: " : ""}job ${bar.job} ${bar.name} of ${bar.owner}, ${bar.cores} cores of ${bar.node}, ${time}`));
  link.append(...pieces.map(({ y, tall }) => svg("rect", { x: from, y, width, height: tall, rx: 2 })));
  const largest = pieces.reduce((largest, piece) => (piece.tall > largest.tall ? piece : largest));
  if (largest.tall >= 12 && width > 28) link.append(svg("text", { x: from + 4, y: largest.y + largest.tall / 2 + 4 }, fit(`${bar.job} ${bar.name}`, width - 6)));
  return link;
}

function axis(drawing, from, to, x, high, width) {
  const steps = [10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400].map((seconds) => seconds * 1e6);
  const step = steps.find((step) => (to - from) / step <= width / 90) ?? steps.at(-1);
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    drawing.append(svg("line", { class: "tick", x1: x(at), x2: x(at), y1: AXIS - 4, y2: high - 14 }),
      svg("text", { class: "tick-name", x: x(at), y: AXIS - 8, "text-anchor": "middle" }, step < 6e7 ? clock(at) : clock(at).slice(0, 5)));
  }
}

/** As much of a text as has room, in pixels of the chart's letters. */
function fit(text, room) {
  const letters = Math.floor(room / 6.6);
  return text.length <= letters ? text : letters > 1 ? `${text.slice(0, letters - 1)}…` : "";
}

function hue(owner) {
  let sum = 7;
  for (const letter of owner) sum = (sum * 31 + letter.codePointAt(0)) % 65_521;
  return sum % HUES;
}
