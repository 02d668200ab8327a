// Keeps what is seen up to date: follows the daemon's events, and has the view that is shown look again, at most twice a second.
//
// Who may not follow the events of all jobs has the number of the last event looked at every two seconds instead.

import { get } from "./api.js";
import { follow, lastId } from "./stream.js";

/** Between two looks of a view, in milliseconds. */
const LOOK_EVERY = 500;
/** A view that was slow is given so many times as long as it took. */
const REST = 3;
/** Between two questions of those who have no stream. */
const ASK_EVERY = 2_000;
/** Something is looked at again after this even when nothing has happened: times go on. */
const TIMES_EVERY = 10_000;
const RETRY_FIRST = 1_000;
const RETRY_LAST = 15_000;

export class Live {
  /** `seesAll`: may follow all events. `linked` is told "live", "polling" or "lost"; `numbers` gets each summary. */
  constructor({ seesAll, linked, numbers }) {
    Object.assign(this, { seesAll, linked, numbers });
    this.last = null;
    this.refresh = null;
    this.looking = null;
    this.due = null;
    this.visible = () => (document.hidden ? this.pause() : this.resume());
  }

  start() {
    document.addEventListener("visibilitychange", this.visible);
    this.resume();
  }

  stop() {
    document.removeEventListener("visibilitychange", this.visible);
    this.refresh = null;
    this.pause();
  }

  /** From now on this view is looked after: `refresh` may be asynchronous. */
  show(refresh) {
    this.refresh = refresh;
    // Whoever asks for another view is not to wait.
    clearTimeout(this.due);
    [this.due, this.next] = [null, 0];
    this.again();
  }

  /** Something may have changed. */
  again() {
    this.changed = true;
    if (this.due !== null || this.looking || document.hidden || !this.going) return;
    this.due = setTimeout(() => this.look(), Math.max(0, (this.next ?? 0) - performance.now()));
  }

  async look() {
    this.due = null;
    this.changed = false;
    const began = performance.now();
    const refresh = this.refresh;
    this.looking = Promise.all([this.summary(), refresh?.()]).catch(() => {});
    await this.looking;
    this.looking = null;
    const took = performance.now() - began;
    this.next = performance.now() + Math.max(LOOK_EVERY, took * REST);
    if (this.changed || refresh !== this.refresh) {
      if (refresh !== this.refresh) this.next = 0;
      this.again();
    }
  }

  async summary() {
    const summary = await get("/summary");
    this.known = summary.events;
    this.numbers(summary);
  }

  pause() {
    this.going?.abort();
    this.going = null;
    clearTimeout(this.due);
    clearInterval(this.times);
    this.due = null;
  }

  resume() {
    if (this.going) return;
    this.going = new AbortController();
    this.times = setInterval(() => this.again(), TIMES_EVERY);
    this.again();
    this.run(this.going.signal);
  }

  async run(signal) {
    let retry = RETRY_FIRST;
    const well = (how) => {
      retry = RETRY_FIRST;
      this.linked(how);
    };
    while (!signal.aborted) {
      try {
        await (this.seesAll ? this.follow(signal, well) : this.poll(signal, well));
      } catch (problem) {
        if (signal.aborted || problem.status === 401) return;
        if (problem.status === 403) this.seesAll = false;
        // What was missed is not kept any more, or another journal is there: what is shown is read anew anyway.
        if (problem.status === 410 || problem.status === 400) this.last = null;
        if (problem.status === 403 || problem.status === 410 || problem.status === 400) continue;
      }
      if (signal.aborted) return;
      this.linked("lost");
      await pause(retry, signal);
      retry = Math.min(retry * 2, RETRY_LAST);
    }
  }

  async follow(signal, well) {
    await follow("/events", this.last, signal, (text) => {
      well("live");
      const last = lastId(text, this.last);
      // Also right after it was connected again: what happened meanwhile is shown.
      if (last !== this.last || text === "") this.again();
      this.last = last;
    });
  }

  async poll(signal, well) {
    for (;;) {
      const summary = await get("/summary", { signal });
      well("polling");
      if (summary.events !== this.known) this.again();
      await pause(ASK_EVERY, signal);
      if (signal.aborted) return;
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
