// What administrators are asked before a policy is put in force, shadowed, tried on some nodes, or gone back to.

import { get, post, put } from "./api.js";
import { field, h } from "./dom.js";
import { policy } from "./format.js";
import { ask } from "./notes.js";

/** What a guard allows where nobody says otherwise. */
const FAULTS_MAX = 0;
const REFUSED_MAX = 10;
const PERCENT = 10;

/** Each is given the policy that is kept, and what to do with words of what was done. */
export function activate(one, done) {
  const why = whyField("activate-why", true);
  const settings = settingsField(one);
  const minutes = number("activate-guard", { min: 1, max: 10_080, placeholder: "no guard" });
  const bounds = [
    ["faults_max", "Faults", number("guard-faults", { min: 0, value: FAULTS_MAX })],
    ["refused_max", "Refused proposals", number("guard-refused", { min: 0, value: REFUSED_MAX })],
    ["pass_ms_max", "A pass, in ms", number("guard-pass", { min: 1, placeholder: "any" })],
    ["wait_s_max", "A job's wait, in s", number("guard-wait", { min: 1, placeholder: "any" })],
  ];
  const most = h("fieldset", { class: "bounds", disabled: true }, h("legend", {}, "At most, in this time"), h("div", { class: "beside" }, bounds.map(([, name, input]) => field(name, input))));
  minutes.addEventListener("input", () => {
    most.disabled = minutes.value === "";
  });
  ask(`Put ${one.name} in force`, [
    field("Why", why), settings.place,
    field("Guard for minutes", minutes, "What was in force before comes back by itself when the policy is over one of the bounds in this time. An empty bound is not looked at."),
    most,
  ], "Activate", async () => {
    const guard = minutes.value ? { window_s: minutes.value * 60, ...Object.fromEntries(bounds.filter(([, , input]) => input.value !== "").map(([key, , input]) => [key, Number(input.value)])) } : undefined;
    await post(`/policies/${one.digest}/activate`, { settings: settings.pairs(), why: why.value, guard });
    done(`${one.name} is in force.`);
  });
}

export function shadow(one, done) {
  const why = whyField("shadow-why");
  const settings = settingsField(one);
  ask(`Shadow ${one.name}`, [h("p", {}, "It is asked beside the policy in force, and never heeded."), field("Why", why), settings.place], "Shadow", async () => {
    await put("/policy/shadow", { policy: one.digest, settings: settings.pairs(), why: why.value });
    done(`${one.name} is shadowed.`);
  });
}

export async function canary(one, done) {
  const { groups } = await get("/node-groups");
  const why = whyField("canary-why");
  const settings = settingsField(one);
  const percent = number("canary-percent", { min: 1, max: 99, value: PERCENT, required: true });
  const boxes = groups.map(({ name }, at) => [name, h("input", { type: "checkbox", id: `canary-group-${at}` })]);
  const chosen = () => boxes.filter(([, box]) => box.checked).map(([name]) => name);
  const choice = () => {
    percent.disabled = chosen().length > 0;
  };
  const named = h("fieldset", { class: "groups", on: { change: choice } }, h("legend", {}, "Or the nodes of these groups"),
    boxes.map(([name, box]) => h("span", {}, box, " ", h("label", { for: box.id }, name))));
  ask(`Try ${one.name} on some nodes`, [
    h("p", {}, "It decides for these nodes; the policy in force has the others."),
    field("Percent of the nodes", percent), boxes.length ? named : null, field("Why", why), settings.place,
  ].filter(Boolean), "Try", async () => {
    const part = chosen().length ? { groups: chosen() } : { percent: Number(percent.value) };
    await put("/policy/canary", { policy: one.digest, settings: settings.pairs(), why: why.value, ...part });
    done(`${one.name} decides for some nodes.`);
  });
}

/** `to` is an activation. */
export function rollBack(to, done) {
  const why = whyField("rollback-why", true);
  ask(`Go back to ${policy(to.name, to.settings)}`, [h("p", {}, `It was in force as number ${to.number}.`), field("Why", why)], "Roll back", async () => {
    await post("/policy/rollback", { to: to.number, why: why.value });
    done(`${to.name} is in force again.`);
  });
}

function whyField(id, required = false) {
  return h("input", { id, maxlength: 320, required, autocomplete: "off" });
}

function number(id, attributes) {
  return h("input", { id, type: "number", inputmode: "numeric", ...attributes });
}

/** Settings, one a line, above what the manifest says of them. */
function settingsField(one) {
  const area = h("textarea", { id: "settings", rows: 3, spellcheck: "false", autocapitalize: "none" });
  const hint = one?.name.includes("+") ? "One a line, as order=sjbf; those of the ranker as ranker.NAME=value; none for the defaults." : "One a line, as order=sjbf; none for the defaults.";
  const known = one?.manifest ? h("details", {}, h("summary", {}, "What it takes"), h("pre", { class: "manifest", tabindex: 0 }, one.manifest)) : "";
  return { place: h("div", {}, field("Settings", area, hint), known), pairs: () => pairs(area) };
}

/** `name=value`, one a line. */
function pairs(area) {
  const lines = area.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`"${line}" is no setting: write name=value`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}
