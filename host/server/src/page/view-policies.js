// Policies: which one decides, what a shadow would do otherwise, and what has been in force. Administrators load, shadow, try on some
// nodes, activate and roll back.

import { del, get, post } from "./api.js";
import { button, facts, field, h, row, show, table, update } from "./dom.js";
import { ago, count, counted, policy } from "./format.js";
import { note, tried } from "./notes.js";
import { activate, canary, rollBack, shadow } from "./policy-dialogs.js";
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
        ...watched(list.watch), ...(now.guard ? guarded(now.guard) : []),
      ]) : null,
      administers && list.history.length > 1 ? h("div", { class: "actions" }, button("Roll back", () => rollBack(list.history[1], done), { "data-focus": "rollback" })) : null));
    if (!administers) return;
    update(kept.body, list.policies, (one) => JSON.stringify(one), (one) => row(KEPT, [
      one.name, one.seats.map((seat) => h("span", { class: "tag" }, seat)), ago(one.loaded), one.by, h("code", { title: one.digest }, one.digest.slice(0, 10)),
      h("div", { class: "actions" },
        act("Activate", activate, one), one.seats.includes("shadow") ? null : act("Shadow", shadow, one), one.seats.includes("canary") ? null : act("Canary", canary, one)),
    ]));
    update(history.body, list.history, (one) => JSON.stringify([one, one.number === now?.number]), (one) => row(HISTORY, [
      String(one.number), policy(one.name, one.settings), ago(one.at), one.by, one.cause, one.why,
      one.number === now?.number ? h("span", { class: "tag" }, "in force")
        : button("Go back to this", () => rollBack(one, done), { "data-focus": `back-${one.number}`, "aria-label": `Go back to ${one.number}, ${one.name}` }),
    ]));
  }

  const done = (text) => {
    note(text);
    context.again();
  };

  const act = (word, dialog, one) => button(word, () => tried(() => dialog(one, done)), { "data-focus": `${word}-${one.digest}`, "aria-label": `${word} ${one.name}` });

  function drawTrials(list, report) {
    const end = (what, path) => button(`End the ${what}`, () => tried(async () => {
      await del(path);
      context.again();
    }, `The ${what} has ended.`), { "data-focus": `end-${what}` });
    const trial = (what, path, one, extra) => h("section", { class: "panel", "aria-label": what },
      h("h2", {}, `${what[0].toUpperCase()}${what.slice(1)}: ${policy(one.name, one.settings)}`),
      facts([["Since", ago(one.since)], ["By", one.by], ["Why", one.why]]), extra, h("div", { class: "actions" }, end(what, path)));
    const all = [];
    if (list.shadow) all.push({ sign: JSON.stringify([list.shadow, report]), make: () => trial("shadow", "/policy/shadow", list.shadow, diff(report)) });
    if (list.canary) all.push({ sign: JSON.stringify(list.canary), make: () => trial("canary", "/policy/canary", list.canary, part(list.canary)) });
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
        const [ranked, whole] = [built.filter((name) => name.includes("+")), built.filter((name) => !name.includes("+"))];
        show(choice, h("optgroup", { label: "As they are" }, whole.map((name) => h("option", {}, name))),
          h("optgroup", { label: "In the order of a ranker" }, ranked.map((name) => h("option", { value: name }, name.replace("+", " by ")))));
      }
    },
  };
}

/** What was counted of one that decides. */
function watched(watch) {
  return [
    ["Passes", count(watch.passes)], ["Longest pass", `${(watch.slowest_us / 1000).toFixed(1)} ms`],
    ["Refused proposals", count(watch.refused)], ["Faults", count(watch.faults)],
  ];
}

/** Until when it is guarded, and what by. */
function guarded(guard) {
  const bounds = [[guard.faults_max, "faults"], [guard.refused_max, "refused"], [guard.pass_ms_max, "ms a pass"], [guard.wait_s_max, "s of waiting"]];
  const some = bounds.filter(([most]) => most !== null).map(([most, what]) => `${count(most)} ${what}`);
  return [["Guarded until", ago(guard.until)], ["At most", some.join(", ")]];
}

/** The nodes of a canary, and what it has made of them. */
function part(canary) {
  return facts([
    ["Decides for", `${canary.part}: ${counted(canary.nodes, "node")}`], ["Cores used there", `${count(canary.cores - canary.free_cores)} of ${count(canary.cores)}`],
    ["Jobs there", count(canary.jobs)], ...watched(canary.watch),
  ]);
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
      await post(`/builtin-policies/${encodeURIComponent(built.value)}`);
      context.again();
    }, `${built.value} is kept.`);
  };
  return h("details", { class: "panel" }, h("summary", {}, "Load a policy"),
    h("form", { class: "filter", on: { submit: keep } }, field("Built in", built), h("button", { type: "submit" }, "Load built-in")),
    h("form", { class: "filter", on: { submit: upload } }, field("Component", file), field("Manifest", manifest), field("Call it", name), go));
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}
