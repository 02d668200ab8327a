// Short notes at the edge of the page, and questions in a dialog.

import { button, h, show } from "./dom.js";

const SHOWN_MS = 6_000;

/** Says something, read out too. */
export function note(text, bad = false) {
  const place = document.getElementById("notes");
  const line = h("p", { class: bad ? "note bad" : "note" }, text, button("×", () => line.remove(), { class: "quiet", "aria-label": "Close" }));
  place.append(line);
  while (place.children.length > 4) place.firstElementChild.remove();
  if (!bad) setTimeout(() => line.remove(), SHOWN_MS);
}

/** Does something, and says what came of it; true when it went well. */
export async function tried(work, done) {
  try {
    await work();
    if (done) note(done);
    return true;
  } catch (problem) {
    note(problem.message, true);
    return false;
  }
}

/**
 * Asks in a dialog. `fields` are elements; `yes` is called when it is confirmed, and the dialog stays with its words when that fails.
 */
export function ask(title, fields, word, yes, danger = false) {
  const wrong = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: danger ? "danger" : "main" }, word);
  const dialog = h("dialog", { "aria-label": title },
    h("form", {
      on: {
        submit: async (event) => {
          event.preventDefault();
          go.disabled = true;
          show(wrong);
          try {
            await yes();
            dialog.close();
          } catch (problem) {
            show(wrong, problem.message);
          }
          go.disabled = false;
        },
      },
    }, h("h2", {}, title), fields, wrong, h("div", { class: "actions" }, go, button("Back", () => dialog.close()))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
