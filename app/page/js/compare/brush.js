// Painting what to protect: a mask in the photo's proportions, by mouse, finger or pen, or as rectangles by numbers.

import { byId } from "../elements.js";
import { maskFile } from "../pixels.js";

const SIDE = 1024; // longest side of the painted mask, which is enlarged to the photo's size when it is sent
const TINT = "#23c4b2";
const STEPS_KEPT = 20; // that can be undone

/** The mask, and a tool for panes that paints it. `onChange()` is called when it has changed. */
export class Brush {
  erasing = false;
  size = 40; // width of the stroke in canvas pixels of the pane
  empty = true;
  photo = null; // its size
  #last = null;
  #steps = []; // the mask before each of the last changes, as canvases

  constructor(onChange) {
    this.onChange = onChange;
    this.canvas = document.createElement("canvas");
    this.tinted = document.createElement("canvas");
  }

  /** Begin with an empty mask for a photo of that size. */
  reset({ width, height }) {
    this.photo = { width, height };
    this.share = Math.min(1, SIDE / Math.max(width, height));
    for (const canvas of [this.canvas, this.tinted]) {
      canvas.width = Math.max(1, Math.round(width * this.share));
      canvas.height = Math.max(1, Math.round(height * this.share));
    }
    this.#steps = [];
    this.empty = true; // a canvas of a new size is
    byId("brush-undo").disabled = true;
    this.onChange();
  }

  /** There is no photo; nothing is painted, and nothing can be. */
  forget() {
    Object.assign(this, { photo: null, empty: true });
    this.#last = null;
    this.#steps = [];
    byId("brush-undo").disabled = true;
  }

  clear() {
    if (this.photo === null) return;
    this.#keep();
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#changed();
  }

  /** Take back the last stroke, rectangle or clearing. */
  undo() {
    const before = this.#steps.pop();
    if (before === undefined) return;
    const context = this.canvas.getContext("2d");
    context.globalCompositeOperation = "copy";
    context.drawImage(before, 0, 0);
    this.#changed();
  }

  /** Add or take away a rectangle; its edges in 0..1 of the photo's width and height. */
  rectangle({ left, top, width, height }) {
    if (this.photo === null) return;
    this.#keep();
    const context = this.#context();
    const { width: across, height: down } = this.canvas;
    context.fillRect(left * across, top * down, width * across, height * down);
    this.#changed();
  }

  press(point, pane) {
    if (this.photo === null) return false;
    this.#keep();
    this.#last = pane.view.photoAt(point);
    this.drag(point, pane);
    return true;
  }

  drag(point, pane) {
    if (this.#last === null) return; // the photo has gone meanwhile
    const to = pane.view.photoAt(point);
    const context = this.#context();
    context.lineCap = "round";
    context.lineWidth = Math.max(1, (this.size / pane.view.scale) * this.share * devicePixelRatio);
    context.beginPath();
    context.moveTo(this.#last.x * this.share, this.#last.y * this.share);
    context.lineTo(to.x * this.share, to.y * this.share);
    context.stroke();
    this.#last = to;
    this.empty &&= this.erasing;
    this.#tint();
  }

  lift() {
    if (this.#last === null) return;
    this.#last = null;
    this.#changed();
  }

  /** Lay the mask over what a pane shows. */
  draw(context, { scale, left, top }) {
    if (this.empty) return;
    context.globalAlpha = 0.5;
    context.imageSmoothingEnabled = true;
    context.drawImage(this.tinted, -left * scale, -top * scale, this.photo.width * scale, this.photo.height * scale);
    context.globalAlpha = 1;
  }

  /** The rectangle whose edges are typed in the page's fields, in percent of the photo, painted or erased. */
  typedRectangle(erasing) {
    const [x, y, width, height] = ["left", "top", "width", "height"].map((edge) => byId(`rect-${edge}`).value / 100);
    const before = this.erasing;
    this.erasing = erasing;
    this.rectangle({ left: x, top: y, width, height });
    this.erasing = before;
  }

  /** The mask as a PNG of the photo's size, or null if nothing is painted. */
  async file() {
    return this.empty ? null : maskFile(this.canvas, this.photo.width, this.photo.height);
  }

  #keep() {
    const step = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    step.getContext("2d").drawImage(this.canvas, 0, 0);
    this.#steps = [...this.#steps, step].slice(-STEPS_KEPT);
  }

  #context() {
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.globalCompositeOperation = this.erasing ? "destination-out" : "source-over";
    context.strokeStyle = context.fillStyle = "#ffffff";
    return context;
  }

  #changed() {
    const { data } = this.#context().getImageData(0, 0, this.canvas.width, this.canvas.height);
    this.empty = data.every((value, at) => at % 4 !== 3 || value < 128);
    byId("brush-undo").disabled = this.#steps.length === 0;
    this.#tint();
  }

  #tint() {
    const context = this.tinted.getContext("2d");
    context.globalCompositeOperation = "copy";
    context.drawImage(this.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = TINT;
    context.fillRect(0, 0, this.tinted.width, this.tinted.height);
    this.onChange();
  }
}
