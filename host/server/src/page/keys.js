// The keys, and the dialog that says which there are. They can be switched off: some use their voice, and every word is keys.

import { button, h } from "./dom.js";

const GO = {
  q: ["queue", "the queue"],
  r: ["running", "what runs"],
  a: ["jobs", "all jobs"],
  n: ["nodes", "the nodes"],
  c: ["chart", "the chart"],
  p: ["policies", "policies"],
  s: ["simulation", "simulation"],
};
const OTHERS = [
  ["/", "find a job"],
  ["c", "a new job"],
  ["j, k", "the next row, the row before"],
  ["[, ]", "the page before, the next page"],
  ["?", "this help"],
  ["Esc", "closes a dialog, leaves a field"],
];
/** The second key follows within this, in milliseconds. */
const SECOND_WITHIN = 1_500;
const OFF = "jobyard-keys-off";

export function keys({ search, help, isIn }) {
  let first = 0;
  help.addEventListener("click", explain);
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key === "Escape" && target.matches("input, textarea, select") && !target.closest("dialog")) target.blur();
    if (!isIn() || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) return;
    if (target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const isSecond = performance.now() - first < SECOND_WITHIN;
    first = 0;
    if (isSecond && GO[event.key]) location.hash = `#/${GO[event.key][0]}`;
    else if (event.key === "g") first = performance.now();
    else if (event.key === "/") search.focus();
    else if (event.key === "c") location.hash = "#/new";
    else if (event.key === "?") explain();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "[") document.querySelector("[data-page=before]")?.click();
    else if (event.key === "]") document.querySelector("[data-page=next]")?.click();
    else return;
    event.preventDefault();
  });
}

/** The link of the next row. */
function step(by) {
  const links = [...document.querySelectorAll("main tbody tr a:first-of-type")];
  const row = document.activeElement.closest?.("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  const next = at < 0 ? links[by > 0 ? 0 : links.length - 1] : links[at + by];
  next?.focus();
}

function explain() {
  const line = ([keys, what]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, what));
  const off = h("input", { type: "checkbox", id: "keys-off", checked: Boolean(localStorage.getItem(OFF)) });
  off.addEventListener("change", () => (off.checked ? localStorage.setItem(OFF, "1") : localStorage.removeItem(OFF)));
  const dialog = h("dialog", { "aria-label": "Keyboard shortcuts", id: "help-dialog" }, h("h2", {}, "Keyboard shortcuts"),
    h("dl", { class: "keys" }, Object.entries(GO).map(([key, [, what]]) => line([`g ${key}`, what])), OTHERS.map(line)),
    h("p", {}, off, " ", h("label", { for: "keys-off" }, "Switch single keys off")),
    h("div", { class: "actions" }, button("Close", () => dialog.close(), { class: "main" })));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
