// Numbers, times and states for people.

import { h } from "./dom.js";

const WHOLE = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium", hour12: false });

export function count(number) {
  return WHOLE.format(number);
}

/** `1 job`, `2 jobs`. */
export function counted(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  const [large, small, units] = s < 172800
    ? [Math.floor(s / 3600), Math.round((s % 3600) / 60), ["h", "min"]]
    : [Math.floor(s / 86400), Math.round((s % 86400) / 3600), ["d", "h"]];
  return small ? `${large} ${units[0]} ${small} ${units[1]}` : `${large} ${units[0]}`;
}

/** Milliseconds since 1970 of a time in RFC 3339, or of microseconds. */
export function millis(time) {
  return typeof time === "number" ? time / 1000 : Date.parse(time);
}

/** The day and the time of day. */
export function moment(time) {
  return DAY.format(millis(time));
}

/** The time of day. */
export function clock(time) {
  return CLOCK.format(millis(time));
}

/** `in 5 min`, `12 s ago`. */
export function relative(time) {
  const seconds = (millis(time) - Date.now()) / 1000;
  if (seconds > 0.5) return `in ${duration(seconds)}`;
  return seconds > -1.5 ? "now" : `${duration(-seconds)} ago`;
}

/** A time, as how long ago it was, with the moment in its title. */
export function ago(time) {
  if (!time) return "–";
  return h("time", { datetime: new Date(millis(time)).toISOString(), title: moment(time) }, relative(time));
}

/** How long ago a time was, as a length of time. */
export function since(time) {
  if (!time) return "–";
  return h("time", { datetime: new Date(millis(time)).toISOString(), title: moment(time) }, duration((Date.now() - millis(time)) / 1000));
}

/** A state: by a sign, a colour and its name. */
export function state(name) {
  return h("span", { class: `state state-${kind(name)}` }, name);
}

function kind(name) {
  switch (name) {
    case "Queued": case "Submitted": case "Validating": case "ExternalValidation": return "queued";
    case "Running": case "Dispatching": case "Online": return "running";
    case "Finished": return "finished";
    case "Failed": case "Unreachable": return "failed";
    case "Canceled": case "Canceling": case "Finishing": case "Draining": return "canceled";
    default: return "other";
  }
}

/** `4`, `2–8 nodes`. */
export function size(job) {
  if (!job.max_cores) return "–";
  const range = job.min_cores === job.max_cores ? count(job.max_cores) : `${count(job.min_cores)}–${count(job.max_cores)}`;
  return job.unit && job.unit !== "core" ? `${range} ${job.unit}s` : range;
}

/** A name with its settings. */
export function policy(name, settings) {
  const words = (settings ?? []).map(([key, value]) => `${key}=${value}`);
  return [name, ...words].join(" ");
}

/** A link to a job: its name, or that it has none. */
export function jobLink(job, part = "") {
  return h("a", { href: `#/job/${Number(job.id)}${part}`, "data-focus": `job-${Number(job.id)}`, class: job.name ? null : "nameless" },
    job.name || "no name");
}

/** Percent done, to be seen and to be read. */
export function progress(percent, label) {
  return h("span", { class: "progress" }, h("progress", { max: 100, value: percent, "aria-label": label }), ` ${percent} %`);
}
