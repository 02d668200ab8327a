// The form that is shown to those who are not logged in.

import { post } from "./api.js";
import { field, h, show } from "./dom.js";

/** Shows it there; `entered` is called with who it is. */
export function login(place, entered) {
  const name = h("input", { name: "name", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const wrong = h("p", { class: "wrong", role: "alert" });
  const go = h("button", { type: "submit", class: "main" }, "Log in");
  const submit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    show(wrong);
    try {
      entered(await post("/session", { name: name.value, password: password.value }));
    } catch (problem) {
      show(wrong, problem.status === 401 ? "This name and password do not fit." : problem.message);
      password.value = "";
      password.focus();
    }
    go.disabled = false;
  };
  show(place, h("form", { class: "login panel", on: { submit } }, h("h1", {}, "jobyard"), field("Name", name), field("Password", password), wrong, go));
  name.focus();
}
