// Requests to the daemon. What it refuses is a Problem with its words.

const ROOT = "/api/v1";

/** What the daemon did not do, and why; status 0: it was not reached. */
export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

let loggedOut = () => {};

/** Says what to do when the daemon does not know any more who is asking. */
export function onLoggedOut(listener) {
  loggedOut = listener;
}

/** The answer itself, for what is read as it comes. */
export async function open(path, options = {}) {
  let answer;
  try {
    answer = await fetch(ROOT + path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "Unreachable", "the daemon does not answer");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const problem = new Problem(answer.status, said.code ?? "", said.detail ?? `the daemon answered ${answer.status}`);
  if (answer.status === 401 && path !== "/session") loggedOut();
  throw problem;
}

/** JSON from there; null where there is nothing. */
async function ask(method, path, body, options = {}) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await open(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), ...options });
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}, options = undefined) => ask("POST", path, body, options);
export const put = (path, body) => ask("PUT", path, body);
export const del = (path) => ask("DELETE", path);

/** `?a=1&b=2` of what is there. */
export function query(pairs) {
  const some = Object.entries(pairs).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return some.length ? `?${new URLSearchParams(some)}` : "";
}
