// The map of nodes: a square for each, darker the more of its cores are used. One canvas, so that ten thousand of them are drawn at once.

import { h, show } from "./dom.js";
import { count } from "./format.js";

/** Squares are at most and at least so large, in pixels. */
const LARGEST = 34;
const SMALLEST = 5;
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
    this.canvas = h("canvas", { tabindex: 0, role: "img", class: "heat" });
    this.says = h("p", { class: "about", "aria-live": "polite" });
    const legend = Array.from({ length: STEPS }, (_, step) => h("span", { class: `swatch heat-${step}` }));
    this.place = h("figure", { class: "panel" }, this.canvas,
      h("figcaption", { class: "legend" }, "idle ", legend, " all cores used", h("span", { class: "swatch heat-off" }), " takes no jobs"), this.says);
    this.canvas.addEventListener("pointermove", (event) => this.tell(this.under(event)));
    this.canvas.addEventListener("pointerleave", () => this.tell(null));
    this.canvas.addEventListener("click", (event) => {
      const node = this.under(event);
      if (node) open(node);
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event, open));
    this.canvas.addEventListener("focus", () => this.tell(this.nodes[this.at]));
    this.canvas.addEventListener("blur", () => this.draw());
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this.place);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
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
    this.draw();
  }

  draw() {
    const width = this.place.clientWidth - 24;
    if (width <= 0 || this.nodes.length === 0) return;
    const fits = Math.floor(Math.sqrt((width * HEIGHT_MAX) / this.nodes.length));
    this.cell = Math.min(LARGEST, Math.max(SMALLEST, fits));
    this.columns = Math.max(1, Math.floor(width / this.cell));
    const lines = Math.ceil(this.nodes.length / this.columns);
    const scale = devicePixelRatio || 1;
    const [wide, high] = [this.columns * this.cell, lines * this.cell];
    if (this.canvas.width !== Math.round(wide * scale) || this.canvas.height !== Math.round(high * scale)) {
      this.canvas.width = Math.round(wide * scale);
      this.canvas.height = Math.round(high * scale);
      this.canvas.style.width = `${wide}px`;
      this.canvas.style.height = `${high}px`;
    }
    const colours = getComputedStyle(this.canvas);
    const colour = (name) => colours.getPropertyValue(name).trim();
    const heat = Array.from({ length: STEPS }, (_, step) => colour(`--heat-${step}`));
    const [off, bad, ink] = [colour("--heat-off"), colour("--bad"), colour("--ink")];
    const paint = this.canvas.getContext("2d");
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, wide, high);
    const gap = this.cell > 12 ? 2 : 1;
    const side = this.cell - gap;
    this.nodes.forEach((node, at) => {
      const [x, y] = [(at % this.columns) * this.cell, Math.floor(at / this.columns) * this.cell];
      const share = used(node);
      const takes = node.reachable && node.state === "Online";
      paint.fillStyle = takes || share > 0 ? heat[share === 0 ? 0 : Math.max(1, Math.min(STEPS - 1, Math.ceil(share * (STEPS - 1))))] : off;
      paint.fillRect(x, y, side, side);
      if (!takes) {
        // Not by colour only: a line through it.
        paint.strokeStyle = node.reachable ? ink : bad;
        paint.beginPath();
        paint.moveTo(x + 1, y + side - 1);
        paint.lineTo(x + side - 1, y + 1);
        paint.stroke();
      }
    });
    const focused = document.activeElement === this.canvas ? this.nodes[this.at]?.name : null;
    for (const name of [this.chosen, focused]) {
      const at = name ? this.nodes.findIndex((node) => node.name === name) : -1;
      if (at < 0) continue;
      paint.strokeStyle = ink;
      paint.lineWidth = 2;
      paint.strokeRect((at % this.columns) * this.cell + 0.5, Math.floor(at / this.columns) * this.cell + 0.5, side - 1, side - 1);
      paint.lineWidth = 1;
    }
  }
}
