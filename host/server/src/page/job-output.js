// What a task writes: as it comes while it runs, the end of it where it is long.

import { get, open, query } from "./api.js";
import { field, h, show } from "./dom.js";
import { note } from "./notes.js";

/** Characters that are shown: the last ones. */
const SHOWN_MAX = 400_000;
/** New text is shown at most so often, in milliseconds. */
const SHOW_EVERY = 200;
/** Bytes that are read before the rest is left to the command line. */
const READ_MAX = 64 << 20;

export function output(place, context) {
  const wanted = (name, otherwise) => context.query.get(name) ?? otherwise;
  const task = h("input", { id: "output-task", type: "number", min: 1, value: wanted("task", "1") });
  const instance = h("input", { id: "output-instance", type: "number", min: 0, value: wanted("instance", ""), placeholder: "all" });
  const stream = h("select", { id: "output-stream" }, h("option", { value: "out" }, "standard output"), h("option", { value: "err" }, "standard error"));
  stream.value = wanted("stream", "out");
  const says = h("p", { class: "about", role: "status" });
  const text = h("pre", { class: "output", tabindex: 0, "aria-label": "Output" });
  const change = (event) => {
    event.preventDefault();
    read();
  };
  show(place, h("form", { class: "filter", on: { submit: change, change } }, field("Task", task), field("Instance", instance), field("Stream", stream)), says, text);
  let going = null;

  async function read() {
    going?.abort();
    const mine = (going = new AbortController());
    show(text);
    show(says, "Reading …");
    try {
      const about = await get(`/jobs/${context.id}/tasks/${Number(task.value)}`, { signal: mine.signal });
      const one = about.kind === "basic" || instance.value !== "";
      const asked = { stream: stream.value, instance: about.kind === "basic" ? "" : instance.value, follow: one ? true : "" };
      const answer = await open(`/jobs/${context.id}/tasks/${Number(task.value)}/output${query(asked)}`, { signal: mine.signal });
      show(says, one ? "Following …" : "All instances, one after the other");
      const was = await pour(answer, mine.signal);
      show(says, was.cut ? "There is more: the command line has all of it." : was.bytes === 0 ? "It wrote nothing." : one ? "That is all." : "All instances, one after the other; that is all of them.");
    } catch (problem) {
      if (mine.signal.aborted) return;
      show(says, problem.message);
      if (problem.status === 0) note(problem.message, true);
    }
  }

  async function pour(answer, signal) {
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    let [pending, timer, bytes] = ["", null, 0];
    const flush = () => {
      timer = null;
      if (signal.aborted) return;
      const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
      text.append(pending.slice(-SHOWN_MAX));
      pending = "";
      let all = text.textContent.length;
      while (all > SHOWN_MAX && text.childNodes.length > 1) {
        all -= text.firstChild.length;
        text.firstChild.remove();
      }
      if (atEnd) text.scrollTop = text.scrollHeight;
    };
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      bytes += value.length;
      pending += decoder.decode(value, { stream: true });
      if (pending.length > SHOWN_MAX * 2) pending = pending.slice(-SHOWN_MAX);
      timer ??= setTimeout(flush, SHOW_EVERY);
      if (bytes > READ_MAX) {
        reader.cancel().catch(() => {});
        break;
      }
    }
    clearTimeout(timer);
    flush();
    return { bytes, cut: bytes > READ_MAX };
  }

  read();
  return { close: () => going?.abort() };
}
