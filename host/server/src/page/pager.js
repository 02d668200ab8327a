// Buttons to go through long lists: only one page of a list is ever loaded.

import { button, h, show } from "./dom.js";
import { count } from "./format.js";

/** Rows of a page. */
export const PAGE = 50;

/** For lists of which any part can be asked for: `moved` is called when another page is wanted. */
export class Pager {
  constructor(moved) {
    this.offset = 0;
    this.total = 0;
    const to = (offset) => () => {
      this.offset = Math.max(0, offset());
      moved();
    };
    const last = () => Math.floor(Math.max(0, this.total - 1) / PAGE) * PAGE;
    this.says = h("span", {});
    this.back = [button("First", to(() => 0)), button("Before", to(() => this.offset - PAGE), { "data-page": "before" })];
    this.on = [button("Next", to(() => this.offset + PAGE), { "data-page": "next" }), button("Last", to(last))];
    this.place = h("nav", { class: "pager", "aria-label": "Pages", hidden: true }, this.back, this.says, this.on);
  }

  /** What there is: a list that has become shorter ends before this page. True when the page has to be asked for again. */
  of(total) {
    this.total = total;
    const beyond = this.offset > 0 && this.offset >= total;
    if (beyond) this.offset = Math.floor(Math.max(0, total - 1) / PAGE) * PAGE;
    const to = Math.min(total, this.offset + PAGE);
    show(this.says, total ? `${count(this.offset + 1)}–${count(to)} of ${count(total)}` : "");
    for (const button of this.back) button.disabled = this.offset === 0;
    for (const button of this.on) button.disabled = this.offset + PAGE >= total;
    this.place.hidden = total <= PAGE;
    return beyond;
  }
}

/** For lists whose pages follow each other: each says where the next one begins. */
export class Chain {
  constructor(moved) {
    this.starts = [null];
    this.next = null;
    this.back = button("Newest", () => (this.reset(), moved()));
    this.before = button("Before", () => (this.starts.pop(), moved()), { "data-page": "before" });
    this.on = button("Next", () => (this.starts.push(this.next), moved()), { "data-page": "next" });
    this.says = h("span", {});
    this.place = h("nav", { class: "pager", "aria-label": "Pages", hidden: true }, this.back, this.before, this.says, this.on);
  }

  get after() {
    return this.starts.at(-1);
  }

  reset() {
    this.starts = [null];
  }

  of(next) {
    this.next = next;
    const first = this.starts.length === 1;
    this.back.disabled = this.before.disabled = first;
    this.on.disabled = next === null;
    show(this.says, `Page ${this.starts.length}`);
    this.place.hidden = first && next === null;
  }
}
