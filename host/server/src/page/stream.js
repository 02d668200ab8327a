// Server-sent events, read from the body of an answer: unlike EventSource this says why it ended, and takes events of any kind.

import { open } from "./api.js";

/** No stream is silent for longer; the daemon sends something every 15 s. In milliseconds. */
const SILENCE_MAX = 40_000;

/**
 * Hands over the text of events as it comes, whole ones only, until it ends. Throws the daemon's Problem, or what cut it off.
 * `last` is the id of the last event that is known, if one is.
 */
export async function follow(path, last, signal, take) {
  const headers = last === null ? {} : { "last-event-id": String(last) };
  const answer = await open(path, { headers, signal });
  take("");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await within(reader.read(), SILENCE_MAX);
      if (done) return;
      rest += value;
      const end = rest.lastIndexOf("\n\n");
      if (end < 0) continue;
      take(rest.slice(0, end + 2));
      rest = rest.slice(end + 2);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The id of the last event in a text; the one before where there is none. */
export function lastId(text, before) {
  const at = text.lastIndexOf("id: ");
  if (at < 0 || (at > 0 && text[at - 1] !== "\n")) return before;
  return Number(text.slice(at + 4, text.indexOf("\n", at)));
}

/** The data of each event in a text. */
export function dataOf(text) {
  const lines = text.split("\n").filter((line) => line.startsWith("data: "));
  return lines.map((line) => JSON.parse(line.slice(6)));
}

function within(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("nothing came")), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
