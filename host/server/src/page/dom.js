// Elements are made here, of text only: what comes from outside is never read as HTML.

const SVG = "http://www.w3.org/2000/svg";
/** What the children of lists looked like when they were made. */
const SIGNS = new WeakMap();

/** An element. Attributes: `on` has listeners, false and null are left out. Children: elements and text. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button. */
export function button(text, click, attributes = {}) {
  return h("button", { type: "button", on: { click }, ...attributes }, text);
}

/** A table with a caption; `columns` are [heading, class]. */
export function table(caption, columns, attributes = {}) {
  const heads = columns.map(([text, kind]) => h("th", { scope: "col", class: kind }, text));
  const body = h("tbody");
  const whole = h("table", attributes, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads)), body);
  return { whole: h("div", { class: "wide" }, whole), body, columns };
}

/** A row whose cells know the heading of their column: on a phone they stand below each other. */
export function row(columns, cells, attributes = {}) {
  const each = cells.map((cell, at) => {
    const [name, kind] = columns[at];
    const attributes = { class: kind, "data-name": name };
    return at === 0 ? h("th", { scope: "row", ...attributes }, cell) : h("td", attributes, cell);
  });
  return h("tr", attributes, each);
}

/**
 * Brings the children of an element in line with `items`: what has not changed stays, with its focus. `sign` says what an item looks
 * like, in text; `make` makes it.
 */
export function update(parent, items, sign, make) {
  const known = new Map([...parent.children].map((child) => [SIGNS.get(child), child]));
  const focus = parent.contains(document.activeElement) ? document.activeElement : null;
  const place = focus && [...parent.children].find((child) => child.contains(focus));
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = sign(item);
    let child = known.get(key);
    if (child) {
      known.delete(key);
    } else {
      child = make(item);
      SIGNS.set(child, key);
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const old of known.values()) old.remove();
  if (focus && !focus.isConnected && focus.dataset.focus) {
    const again = parent.querySelector(`[data-focus="${CSS.escape(focus.dataset.focus)}"]`);
    (again ?? place?.parentElement?.querySelector("a"))?.focus();
  } else if (focus && focus.isConnected && document.activeElement !== focus) {
    focus.focus({ preventScroll: true });
  }
}

/** Replaces what an element shows. */
export function show(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

/** A name and what stands for it, for lists of facts. */
export function facts(pairs) {
  const some = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, some.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** A label over a field. */
export function field(label, input, hint) {
  const id = `field-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  input.id ||= id;
  if (hint) input.setAttribute("aria-describedby", `${input.id}-hint`);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input,
    hint ? h("small", { id: `${input.id}-hint` }, hint) : null);
}
