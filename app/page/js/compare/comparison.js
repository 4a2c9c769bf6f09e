// Photo and JPEG to be compared: what of them is shown, how large, and what lies over them.

import { byId } from "../elements.js";
import { bytes, percent } from "../format.js";
import { MAPS, Readout } from "../maps.js";
import { Brush } from "./brush.js";
import { borderTool, paintGround, paintOver, paintPicture } from "./painting.js";
import { Pane, View } from "./viewer.js";

const FACTORS = [1, 2, 4];
const RIVALS = { jpeg: "plain JPEG", share: "plain JPEG", jpegli: "jpegli", webp: "WebP", avif: "AVIF" };
const nothing = () => ({ before: null, after: null, rival: null, difference: null, jnd: null, quality: null, closeness: null });

/** Holds the layers: {before, after, difference} and the maps by kind. `onDifference()` asks for one that is missing. */
export class Comparison {
  layers = nothing();
  mode = "wipe";
  map = "none";
  split = 0.5;
  held = false;
  view = new View();

  constructor(onDifference) {
    this.onDifference = onDifference;
    this.brush = new Brush(() => this.redraw());
    this.left = new Pane(byId("map"), this.view, (context, part) => this.#paint(context, part, "before", this.left));
    this.right = new Pane(byId("result"), this.view, (context, part) => this.#paint(context, part, this.shown, this.right));
    this.border = borderTool(() => (this.wipes ? this.split : null), (share) => this.moveBorder(share));
    this.right.tool = this.border;
    const readout = new Readout(byId("value"));
    for (const pane of [this.left, this.right]) {
      pane.hover = (point) => readout.show(point, this.layers.before, this.layers[this.map] ?? null, MAPS[this.map]?.unit);
    }
    this.view.addEventListener("change", () => { byId("zoom").textContent = percent(this.view.scale, 0); });
    this.#listen();
  }

  /** The mode, but for as long as the photo is asked for by a held key or button. */
  get shown() {
    return this.held ? "before" : this.mode;
  }

  get wipes() {
    return this.shown === "wipe" && this.layers.after !== null && this.layers.before !== null;
  }

  /** Both pictures and the middle of the view, for the tests by eye. */
  pictures() {
    return { before: this.layers.before, after: this.layers.after, centre: this.view.centre };
  }

  clear() {
    for (const layer of Object.values(this.layers)) layer?.close();
    this.layers = nothing();
    this.brush.forget();
    this.hold(false);
    this.view.size = { width: 1, height: 1 };
    this.#told();
  }

  /** A layer has come, or is no longer true (null). The first picture says how large the photo is. */
  set(name, layer) {
    const first = layer !== null && this.layers.before === null && this.layers.after === null;
    this.layers[name]?.close();
    this.layers[name] = layer;
    if (first) this.#measure(layer);
    this.#told();
    this.#refine();
  }

  /** What is compared is made in one way: not before there is something to compare, for until then time is short. */
  async #refine() {
    const { before, after } = this.layers;
    if (before === null || after === null) return;
    for (const layer of [before, after]) {
      if (!layer.reduced) continue;
      await layer.refine();
      this.redraw();
    }
  }

  choose(mode) {
    this.mode = mode;
    document.querySelector(`[name=mode][value=${mode}]`).checked = true;
    byId("map-stage").hidden = mode !== "side";
    byId("panes").classList.toggle("two", mode === "side");
    byId("mode-text").hidden = mode !== "difference";
    if (mode === "difference") this.onDifference();
    this.#told();
  }

  hold(held) {
    if (held && this.layers.before === null) return;
    this.held = held;
    byId("hold").setAttribute("aria-pressed", held);
    this.#told();
  }

  moveBorder(share) {
    this.split = share;
    byId("split").value = share * 100;
    this.right.redraw();
  }

  protect(painting) {
    byId("protect-tools").hidden = !painting;
    byId("protect").setAttribute("aria-expanded", painting);
    byId("viewer").classList.toggle("painting", painting);
    this.left.tool = painting ? this.brush : null;
    this.right.tool = painting ? this.brush : this.border;
    this.redraw();
  }

  redraw() {
    this.left.redraw();
    this.right.redraw();
  }

  #measure({ width, height }) {
    for (const stage of document.querySelectorAll(".stage")) stage.style.setProperty("--ratio", width / height);
    this.brush.reset({ width, height });
    this.view.show({ width, height });
  }

  /** What JPEG is compared with: the photo, or another file of as many bytes or of an equal share. */
  #named() {
    const { rival } = this.layers;
    const name = rival === null ? "photo" : `${RIVALS[byId("against").value]} of quality ${rival.facts.quality}, ${bytes(rival.facts.bytes)}`;
    byId("tag-left").textContent = name;
    byId("tag-before").textContent = this.wipes ? name : "photo";
  }

  #told() {
    this.#named();
    byId("split-field").hidden = this.mode !== "wipe";
    byId("tag-before").hidden = !(this.wipes || this.shown === "before");
    byId("tag-after").hidden = this.layers.after === null || ["before", "difference"].includes(this.shown);
    this.redraw();
  }

  #paint(context, part, mode, pane) {
    paintGround(context, part.width, part.height);
    const { after, rival } = this.layers;
    const instead = rival !== null && (this.wipes || pane === this.left);
    const before = instead ? rival : this.layers.before;
    if (before === null && after === null) return;
    const redraw = () => pane.redraw();
    const map = this.layers[this.map] ?? null;
    const cover = () => map !== null && paintOver(context, part, map, byId("opacity").value / 100, redraw);
    paintPicture(context, part, { ...this.layers, before }, { mode, split: this.split }, redraw, cover);
    if (!byId("protect-tools").hidden) this.brush.draw(context, part);
  }

  #listen() {
    const on = (id, name, act) => byId(id).addEventListener(name, act);
    on("zoom-fit", "click", () => this.view.fit());
    for (const times of FACTORS) on(`zoom-${times}00`, "click", () => this.view.zoom(times));
    on("zoom-in", "click", () => this.view.zoom(this.view.scale * 1.5));
    on("zoom-out", "click", () => this.view.zoom(this.view.scale / 1.5));
    on("opacity", "input", () => this.redraw());
    on("split", "input", () => this.moveBorder(byId("split").value / 100));
    on("mode", "change", (event) => this.choose(event.target.value));
    on("hold", "pointerdown", () => this.hold(true));
    for (const name of ["pointerup", "pointerleave", "pointercancel", "blur"]) on("hold", name, () => this.hold(false));
    on("hold", "keydown", (event) => [" ", "Enter"].includes(event.key) && this.hold(true));
    on("hold", "keyup", () => this.hold(false));
    window.addEventListener("blur", () => this.hold(false));
    on("protect", "click", () => this.protect(byId("protect-tools").hidden));
    on("brush-size", "input", () => { this.brush.size = Number(byId("brush-size").value); });
    on("brush-clear", "click", () => this.brush.clear());
    on("brush-undo", "click", () => this.brush.undo());
    on("rect-add", "click", () => this.brush.typedRectangle(false));
    on("rect-remove", "click", () => this.brush.typedRectangle(true));
    for (const choice of document.querySelectorAll("[name=brush]")) {
      choice.addEventListener("change", () => { this.brush.erasing = choice.value === "erase" && choice.checked; });
    }
  }
}
