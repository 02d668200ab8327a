// Policies: which one decides, what a shadow would do otherwise, and what has been in force. Administrators load, shadow, activate and roll back.

import { del, get, post, put } from "./api.js";
import { button, facts, field, h, row, show, table, update } from "./dom.js";
import { ago, count, policy } from "./format.js";
import { ask, note, tried } from "./notes.js";
import { diff } from "./shadow.js";

const KEPT = [["Name", "name"], ["Now", "narrow"], ["Loaded", "narrow"], ["By", "name"], ["Digest", "narrow"], ["", "buttons"]];
const HISTORY = [["Number", "narrow right"], ["Policy", "name"], ["When", "narrow"], ["By", "name"], ["How", "narrow"], ["Why", "wide-cell"], ["", "buttons"]];

export function policies(place, context) {
  const { administers } = context.user;
  const active = h("section", { class: "panel", "aria-label": "In force" });
  const trials = h("div", {});
  const kept = table("Policies that are kept", KEPT, { class: "cards titled" });
  const history = table("What was in force, the latest first", HISTORY, { class: "cards titled" });
  const rest = h("div", { hidden: !administers }, trials, h("h2", {}, "Policies that are kept"), kept.whole, administers ? bring(context) : null, h("h2", {}, "What was in force, the latest first"), history.whole);
  show(place, h("h1", {}, "Policies"), active, rest);
  let built = null;

  function draw(list) {
    const now = list.active;
    update(active, [list], (list) => JSON.stringify([list.active, list.watch]), () => h("div", {},
      h("h2", {}, now ? policy(now.name, now.settings) : "No policy is in force"),
      now ? facts([
        ["In force since", ago(now.at)], ["By", now.by], ["Why", now.why], ["How", now.cause],
        ["Passes", count(list.watch.passes)], ["Longest pass", `${(list.watch.slowest_us / 1000).toFixed(1)} ms`],
        ["Refused proposals", count(list.watch.refused)], ["Faults", count(list.watch.faults)],
        ["Guarded until", now.guard ? ago(now.guard.until) : null],
      ]) : null,
      administers && list.history.length > 1 ? h("div", { class: "actions" }, button("Roll back", () => rollBack(list.history[1]), { "data-focus": "rollback" })) : null));
    if (!administers) return;
    update(kept.body, list.policies, (one) => JSON.stringify(one), (one) => row(KEPT, [
      one.name, one.seats.map((seat) => h("span", { class: "tag" }, seat)), ago(one.loaded), one.by, h("code", { title: one.digest }, one.digest.slice(0, 10)),
      h("div", { class: "actions" },
        button("Activate", () => activate(one), { "data-focus": `activate-${one.digest}`, "aria-label": `Activate ${one.name}` }),
        one.seats.includes("shadow") ? null : button("Shadow", () => shadow(one), { "data-focus": `shadow-${one.digest}`, "aria-label": `Shadow ${one.name}` })),
    ]));
    update(history.body, list.history, (one) => JSON.stringify([one, one === now]), (one) => row(HISTORY, [
      String(one.number), policy(one.name, one.settings), ago(one.at), one.by, one.cause, one.why,
      one === now || one.number === now?.number ? h("span", { class: "tag" }, "in force")
        : button("Go back to this", () => rollBack(one), { "data-focus": `back-${one.number}`, "aria-label": `Go back to ${one.number}, ${one.name}` }),
    ]));
  }

  const done = (text) => {
    note(text);
    context.again();
  };

  function activate(one) {
    const why = h("input", { id: "activate-why", maxlength: 320, required: true, autocomplete: "off" });
    const settings = settingsField();
    const minutes = h("input", { id: "activate-guard", type: "number", min: 1, max: 10_080, placeholder: "no guard" });
    ask(`Put ${one.name} in force`, [
      field("Why", why), field("Settings", settings, "One a line, as order=sjbf; none for the defaults."),
      field("Guard for minutes", minutes, "It is taken back by itself if it faults, or has more than ten proposals refused, in this time."),
    ], "Activate", async () => {
      const guard = minutes.value ? { window_s: minutes.value * 60, faults_max: 0, refused_max: 10 } : undefined;
      await post(`/policies/${one.digest}/activate`, { settings: pairs(settings), why: why.value, guard });
      done(`${one.name} is in force.`);
    });
  }

  function shadow(one) {
    const why = h("input", { id: "shadow-why", maxlength: 320, autocomplete: "off" });
    const settings = settingsField();
    ask(`Shadow ${one.name}`, [
      h("p", {}, "It is asked beside the policy in force, and never heeded."),
      field("Why", why), field("Settings", settings, "One a line, as order=sjbf; none for the defaults."),
    ], "Shadow", async () => {
      await put("/policy/shadow", { policy: one.digest, settings: pairs(settings), why: why.value });
      done(`${one.name} is shadowed.`);
    });
  }

  function rollBack(to) {
    const why = h("input", { id: "rollback-why", maxlength: 320, required: true, autocomplete: "off" });
    ask(`Go back to ${policy(to.name, to.settings)}`, [h("p", {}, `It was in force as number ${to.number}.`), field("Why", why)], "Roll back", async () => {
      await post("/policy/rollback", { to: to.number, why: why.value });
      done(`${to.name} is in force again.`);
    });
  }

  function drawTrials(list, report) {
    const end = (what, path) => button(`End the ${what}`, () => tried(async () => {
      await del(path);
      context.again();
    }, `The ${what} has ended.`), { "data-focus": `end-${what}` });
    const trial = (what, path, one, extra) => h("section", { class: "panel", "aria-label": what },
      h("h2", {}, `${what[0].toUpperCase()}${what.slice(1)}: ${policy(one.name, one.settings)}`),
      facts([["Since", ago(one.since)], ["By", one.by], ["Why", one.why], ["Part", one.part], ["Nodes", one.nodes]]), extra, h("div", { class: "actions" }, end(what, path)));
    const all = [];
    if (list.shadow) all.push({ sign: JSON.stringify([list.shadow, report]), make: () => trial("shadow", "/policy/shadow", list.shadow, diff(report)) });
    if (list.canary) all.push({ sign: JSON.stringify(list.canary), make: () => trial("canary", "/policy/canary", list.canary, null) });
    update(trials, all, (one) => one.sign, (one) => one.make());
  }

  return {
    async refresh() {
      const list = await get("/policies");
      draw(list);
      if (!administers) return;
      drawTrials(list, list.shadow ? await get("/policy/shadow") : null);
      if (!built) {
        built = (await get("/builtin-policies")).names;
        const choice = place.querySelector("#built-in");
        show(choice, built.map((name) => h("option", {}, name)));
      }
    },
  };
}

/** How a policy comes here: one of the program's own, or a file. */
function bring(context) {
  const built = h("select", { id: "built-in" });
  const file = h("input", { id: "policy-file", type: "file", accept: ".wasm,application/wasm" });
  const manifest = h("input", { id: "policy-manifest", type: "file", accept: ".toml" });
  const name = h("input", { id: "policy-name", autocomplete: "off", required: true, maxlength: 80 });
  const go = h("button", { type: "submit" }, "Load");
  file.addEventListener("change", () => {
    name.value ||= file.files[0]?.name.replace(/\.wasm$/, "").replace(/^policy[-_]/, "") ?? "";
  });
  const upload = async (event) => {
    event.preventDefault();
    if (!file.files[0]) return note("Choose the file of a component.", true);
    go.disabled = true;
    await tried(async () => {
      const text = manifest.files[0] ? await manifest.files[0].text() : undefined;
      await post("/policies", { name: name.value, component: await base64(file.files[0]), manifest: text });
      context.again();
    }, `${name.value} is kept.`);
    go.disabled = false;
    return undefined;
  };
  const keep = (event) => {
    event.preventDefault();
    tried(async () => {
      await post(`/builtin-policies/${built.value}`);
      context.again();
    }, `${built.value} is kept.`);
  };
  return h("details", { class: "panel" }, h("summary", {}, "Load a policy"),
    h("form", { class: "filter", on: { submit: keep } }, field("Built in", built), h("button", { type: "submit" }, "Load built-in")),
    h("form", { class: "filter", on: { submit: upload } }, field("Component", file), field("Manifest", manifest), field("Call it", name), go));
}

function settingsField() {
  return h("textarea", { id: "settings", rows: 3, spellcheck: "false", autocapitalize: "none" });
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

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}
