// The map of nodes: a square for each, darker the more of its cores are used. One canvas, so that ten thousand of them are drawn at once, and
// then only those that have changed.

import { h, show } from "./dom.js";
import { count, counted } from "./format.js";

/** Squares are at most and at least so large, in pixels. */
const LARGEST = 34;
const SMALLEST = 3;
/** Below this a line through a square is not seen: the whole square is of its colour. */
const LINE_FROM = 9;
/** The map is no higher than this where squares can be smaller. */
const HEIGHT_MAX = 320;
/** Steps of colour: from nothing to all. */
const STEPS = 5;

/** The share of a node's cores that is used. */
export function used(node) {
  return node.cores ? (node.cores - node.free_cores) / node.cores : 0;
}

export class HeatMap {
  /** `open` is called with the node that is clicked. */
  constructor(open) {
    this.nodes = [];
    this.at = 0;
    this.chosen = null;
    /** What each square looks like, and those that have a frame. */
    this.drawn = [];
    this.framed = [];
    this.colours = null;
    this.canvas = h("canvas", { tabindex: 0, role: "img", class: "heat" });
    this.says = h("p", { class: "about", "aria-live": "polite" });
    const legend = Array.from({ length: STEPS }, (_, step) => h("span", { class: `swatch heat-${step}` }));
    this.counts = h("p", { class: "about" });
    this.place = h("figure", { class: "panel" }, this.counts, this.canvas,
      h("figcaption", { class: "legend" }, "idle ", legend, " all cores used", h("span", {}, h("span", { class: "swatch heat-off" }), " takes no jobs"), h("span", {}, h("span", { class: "swatch heat-lost" }), " unreachable")), this.says);
    this.canvas.addEventListener("pointermove", (event) => this.tell(this.under(event)));
    this.canvas.addEventListener("pointerleave", () => this.tell(null));
    this.canvas.addEventListener("click", (event) => {
      const node = this.under(event);
      if (node) open(node);
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event, open));
    this.canvas.addEventListener("focus", () => {
      this.tell(this.nodes[this.at]);
      this.draw();
    });
    this.canvas.addEventListener("blur", () => this.draw());
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.place);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => {
      this.colours = null;
      this.draw();
    };
    this.dark.addEventListener("change", this.redraw);
  }

  close() {
    this.sized.disconnect();
    this.dark.removeEventListener("change", this.redraw);
  }

  set(nodes) {
    this.nodes = nodes;
    this.at = Math.min(this.at, Math.max(0, nodes.length - 1));
    const busy = nodes.filter((node) => node.free_cores < node.cores).length;
    const lost = nodes.filter((node) => !node.reachable).length;
    const closed = nodes.filter((node) => node.reachable && node.state !== "Online").length;
    show(this.counts, [`${counted(nodes.length, "node")}: ${count(busy)} in use`, closed && `${count(closed)} that take no jobs`, lost && `${count(lost)} unreachable`].filter(Boolean).join(", "));
    this.canvas.setAttribute("aria-label",
      `Map of ${count(nodes.length)} nodes: ${count(busy)} of them in use. Arrow keys go from node to node, Enter shows one; the table below has the same.`);
    this.draw();
  }

  choose(node) {
    if (this.chosen === node?.name) return;
    this.chosen = node?.name ?? null;
    this.draw();
  }

  key(event, open) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    if (this.nodes.length === 0) return;
    if (by) this.at = Math.min(Math.max(0, this.at + by), this.nodes.length - 1);
    else if (event.key === "Home") this.at = 0;
    else if (event.key === "End") this.at = this.nodes.length - 1;
    else if (event.key === "Enter" && this.nodes[this.at]) open(this.nodes[this.at]);
    else return;
    event.preventDefault();
    this.tell(this.nodes[this.at]);
    this.draw();
  }

  under(event) {
    const x = Math.floor(event.offsetX / this.cell);
    const y = Math.floor(event.offsetY / this.cell);
    return x < this.columns ? this.nodes[y * this.columns + x] : undefined;
  }

  tell(node) {
    show(this.says, node
      ? `${node.name}: ${count(node.cores - node.free_cores)} of ${count(node.cores)} cores used, ${node.reachable ? node.state.toLowerCase() : "unreachable"}, ${count(node.jobs.length)} jobs`
      : "\u00a0");
  }

  /** Where the squares are: true when all have to be drawn anew, null when there is no place or nothing to draw. */
  measure() {
    const width = this.place.clientWidth - 24;
    if (width <= 0 || this.nodes.length === 0) return null;
    const fits = Math.floor(Math.sqrt((width * HEIGHT_MAX) / this.nodes.length));
    this.cell = Math.min(LARGEST, Math.max(SMALLEST, fits));
    this.columns = Math.max(1, Math.floor(width / this.cell));
    const [wide, high] = [this.columns * this.cell, Math.ceil(this.nodes.length / this.columns) * this.cell];
    const scale = devicePixelRatio || 1;
    const layout = [this.cell, wide, high, scale, this.nodes.length].join(" ");
    const isNew = layout !== this.layout || !this.colours;
    if (!isNew) return false;
    this.layout = layout;
    this.canvas.width = Math.round(wide * scale);
    this.canvas.height = Math.round(high * scale);
    this.canvas.style.width = `${wide}px`;
    this.canvas.style.height = `${high}px`;
    const styles = getComputedStyle(this.canvas);
    const colour = (name) => styles.getPropertyValue(name).trim();
    this.colours = { heat: Array.from({ length: STEPS }, (_, step) => colour(`--heat-${step}`)), off: colour("--heat-off"), bad: colour("--bad"), ink: colour("--ink") };
    this.paint = this.canvas.getContext("2d");
    this.paint.setTransform(scale, 0, 0, scale, 0, 0);
    return true;
  }

  draw() {
    const isNew = this.measure();
    if (isNew === null) return;
    if (isNew) this.drawn = new Array(this.nodes.length).fill(null);
    for (const at of this.framed) this.drawn[at] = null;
    this.nodes.forEach((node, at) => {
      const share = used(node);
      const takes = node.reachable && node.state === "Online";
      const step = share === 0 ? 0 : Math.max(1, Math.min(STEPS - 1, Math.ceil(share * (STEPS - 1))));
      const mark = takes ? 0 : node.reachable ? 1 : 2;
      const look = step * 3 + mark;
      if (this.drawn[at] === look) return;
      this.drawn[at] = look;
      const isWhole = mark > 0 && (share === 0 || this.cell < LINE_FROM);
      const whole = mark === 2 && this.cell < LINE_FROM ? this.colours.bad : this.colours.off;
      this.square(at, isWhole ? whole : this.colours.heat[step], mark);
    });
    const focused = document.activeElement === this.canvas ? this.nodes[this.at]?.name : null;
    const names = [this.chosen, focused].filter(Boolean);
    this.framed = names.map((name) => this.nodes.findIndex((node) => node.name === name)).filter((at) => at >= 0);
    for (const at of this.framed) this.frame(at);
  }

  square(at, colour, mark) {
    const { paint, cell } = this;
    const side = cell > 4 ? cell - (cell > 12 ? 2 : 1) : cell;
    const [x, y] = [(at % this.columns) * cell, Math.floor(at / this.columns) * cell];
    paint.clearRect(x, y, cell, cell);
    paint.fillStyle = colour;
    paint.fillRect(x, y, side, side);
    if (mark === 0 || cell < LINE_FROM) return;
    // Not by colour only: a line through it.
    paint.strokeStyle = mark === 1 ? this.colours.ink : this.colours.bad;
    paint.beginPath();
    paint.moveTo(x + 1, y + side - 1);
    paint.lineTo(x + side - 1, y + 1);
    paint.stroke();
  }

  /** Around a square, within its cell, so that it goes with the square. */
  frame(at) {
    const { paint, cell } = this;
    const wide = cell > 12 ? 2 : 1;
    paint.strokeStyle = this.colours.ink;
    paint.lineWidth = wide;
    paint.strokeRect((at % this.columns) * cell + wide / 2, Math.floor(at / this.columns) * cell + wide / 2, cell - wide, cell - wide);
    paint.lineWidth = 1;
  }
}
