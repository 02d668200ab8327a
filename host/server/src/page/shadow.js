// What a shadow would have done otherwise.

import { facts, h, row, table } from "./dom.js";
import { clock, count, duration } from "./format.js";

/** Passes and jobs that are shown: the latest. */
const SHOWN = 20;
const PASSES = [["Pass", "narrow right"], ["When", "narrow"], ["Alike", "narrow right"], ["Only the policy in force", "wide-cell"], ["Only the shadow", "wide-cell"]];
const JOBS = [["Job", "narrow right"], ["The policy in force starts it", "narrow"], ["The shadow", "narrow"], ["The shadow is", "narrow"]];

export function diff({ totals, passes, jobs }) {
  const mean = (us) => (totals.passes ? `${(us / totals.passes / 1000).toFixed(2)} ms` : "–");
  const whole = table("Passes in which the two differ, the latest first", PASSES, { class: "cards" });
  whole.body.append(...passes.slice(-SHOWN).reverse().map((pass) => row(PASSES, [
    count(pass.number), clock(pass.at), count(pass.same), placements(pass.only_active), placements(pass.only_shadow),
  ])));
  const compared = table("Jobs that they start at different times", JOBS, { class: "cards" });
  compared.body.append(...jobs.slice(-SHOWN).reverse().map((job) => row(JOBS, [
    h("a", { href: `#/job/${job.job}` }, String(job.job)), job.active ? clock(job.active) : "not yet", job.shadow ? clock(job.shadow) : "not yet",
    job.active && job.shadow ? `${job.shadow < job.active ? "earlier" : "later"} by ${duration(Math.abs(job.active - job.shadow) / 1e6)}` : job.shadow ? "earlier" : "later",
  ])));
  return h("div", { class: "diff" },
    facts([
      ["Passes compared", count(totals.passes)], ["Alike", totals.passes ? `${count(totals.same)} (${((100 * totals.same) / totals.passes).toFixed(1)} %)` : "–"],
      ["Placements in force / shadow", `${count(totals.active_placements)} / ${count(totals.shadow_placements)}`],
      ["Jobs earlier / later", `${count(totals.earlier)} / ${count(totals.later)}`],
      ["Mean pass in force / shadow", `${mean(totals.active_us)} / ${mean(totals.shadow_us)}`], ["Faults", count(totals.faults)],
      ["Memory", `${(totals.memory_bytes / (1 << 20)).toFixed(1)} MiB`],
    ]),
    passes.length ? whole.whole : h("p", { class: "about" }, totals.passes ? "They have not differed yet." : "It has not been asked yet: the next pass will show."),
    jobs.length ? compared.whole : null);
}

/** `start job 3 on 1: 4 cores`. */
function placements(all) {
  const shown = all.slice(0, 5).map((one) => {
    const on = one.shares.slice(0, 3).map(([node, cores]) => `${cores} cores of node ${node}`).join(", ");
    return h("div", {}, `${one.what} `, h("a", { href: `#/job/${one.job}` }, `job ${one.job}`), on ? ` with ${on}` : "", one.shares.length > 3 ? " …" : "", one.why ? h("span", { class: "muted" }, ` (${one.why})`) : null);
  });
  return h("div", {}, shown.length ? shown : "–", all.length > 5 ? `and ${count(all.length - 5)} more` : null);
}
