// What has happened to a job, and what happens.

import { get, query } from "./api.js";
import { button, h, row, show, table, update } from "./dom.js";
import { clock, moment } from "./format.js";
import { dataOf, follow } from "./stream.js";

const COLUMNS = [["Number", "narrow right"], ["When", "narrow"], ["What", "narrow name"], ["Details", "command"]];
/** Events that are kept on the page: the latest. */
const KEPT_MAX = 500;
/** Pages that are asked for by themselves; each looks through 20,000 events. */
const PAGES_AT_ONCE = 5;
/** Characters of the details of an event that are seen at once, and that can be unfolded. */
const DETAILS_SHORT = 160;
const DETAILS_MAX = 20_000;
const RETRY = 3_000;

export function events(place, context) {
  const parts = table("Events, the latest first", COLUMNS, { class: "cards" });
  const says = h("p", { class: "about", role: "status" }, "Reading …");
  const more = button("Look further", () => read(), { hidden: true });
  show(place, says, more, parts.whole);
  const going = new AbortController();
  let [all, after] = [[], null];

  function add(some) {
    all = [...some.reverse(), ...all].slice(0, KEPT_MAX);
    update(parts.body, all, (event) => String(event.number), (event) => row(COLUMNS, [
      String(event.number), h("time", { datetime: event.at, title: moment(event.at) }, clock(event.at)), event.kind, details(event.fact),
    ]));
  }

  async function read() {
    more.hidden = true;
    try {
      for (let pages = 0; pages < PAGES_AT_ONCE; pages += 1) {
        const page = await get(`/jobs/${context.id}/events${query({ after, limit: 500 })}`, { signal: going.signal });
        after = page.next;
        add(page.events);
        if (page.complete) {
          show(says, all.length ? "Live" : "Nothing is known of it any more: the journal was compacted.");
          return listen();
        }
      }
      show(says, "There is more in the journal.");
      more.hidden = false;
    } catch (problem) {
      if (!going.signal.aborted) show(says, problem.message);
    }
    return undefined;
  }

  async function listen() {
    while (!going.signal.aborted) {
      try {
        await follow(`/events?job=${context.id}`, after, going.signal, (text) => {
          const some = dataOf(text);
          if (some.length) {
            after = some.at(-1).number;
            add(some);
          }
        });
      } catch (problem) {
        if (problem.status === 403 || problem.status === 410) return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  read();
  return { close: () => going.abort() };
}

/** A fact without what every row says already. */
function details(fact) {
  if (fact === null) return "";
  if (typeof fact !== "object") return h("code", {}, String(fact));
  const rest = Object.entries(fact).filter(([name, value]) => name !== "job" && value !== null);
  const text = rest.map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
  if (text.length <= DETAILS_SHORT) return h("code", {}, text);
  const whole = JSON.stringify(Object.fromEntries(rest), null, 1);
  return h("details", {}, h("summary", {}, h("code", {}, `${text.slice(0, DETAILS_SHORT)} …`)), h("pre", {}, whole.slice(0, DETAILS_MAX)));
}
