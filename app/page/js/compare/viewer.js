// Panes that show the same part of a photo: one view, moved and zoomed by pointer, wheel, touch and keyboard.

const MOST = 16; // canvas pixels for each pixel of the photo
const KEY_STEP = 0.12; // of the pane, for each press of an arrow key
const KEY_ZOOM = 1.25;

/** Which part of the photo is seen, shared by all panes. At `scale` 1 a pixel of the photo is one of the screen. */
export class View extends EventTarget {
  scale = 1;
  fitting = true;
  centre = { x: 0, y: 0 };
  size = { width: 1, height: 1 }; // of the photo
  pane = { width: 1, height: 1 }; // of the panes, in canvas pixels

  show(size) {
    this.size = size;
    this.fit();
  }

  /** Panes have changed size. */
  resize(pane) {
    this.pane = pane;
    if (this.fitting) this.fit();
    else this.#settle();
  }

  fit() {
    this.fitting = true;
    this.scale = this.#fitScale();
    this.centre = { x: this.size.width / 2, y: this.size.height / 2 };
    this.#settle();
  }

  /** Zoom to `scale`; the pixel of the photo under `at` (canvas pixels in the pane) stays where it is. */
  zoom(scale, at = { x: this.pane.width / 2, y: this.pane.height / 2 }) {
    const held = this.photoAt(at);
    this.fitting = false;
    this.scale = Math.min(MOST, Math.max(Math.min(1, this.#fitScale()) / 2, scale));
    this.centre.x = held.x - (at.x - this.pane.width / 2) / this.scale;
    this.centre.y = held.y - (at.y - this.pane.height / 2) / this.scale;
    this.#settle();
  }

  /** Move by canvas pixels. */
  move(right, down) {
    this.fitting = false;
    this.centre.x += right / this.scale;
    this.centre.y += down / this.scale;
    this.#settle();
  }

  photoAt({ x, y }) {
    const { left, top } = this.part;
    return { x: left + x / this.scale, y: top + y / this.scale };
  }

  /** What a layer has to draw; enlarged or as it is, it begins on a pixel of the canvas. */
  get part() {
    const { scale, centre, pane } = this;
    const whole = (edge) => (scale < 1 ? edge : Math.round(edge * scale) / scale);
    const [left, top] = [whole(centre.x - pane.width / scale / 2), whole(centre.y - pane.height / scale / 2)];
    return { scale, left, top, width: pane.width, height: pane.height };
  }

  #fitScale() {
    const scale = Math.min(this.pane.width / this.size.width, this.pane.height / this.size.height, MOST);
    return scale < 1 ? scale : Math.floor(scale); // whole pixels of the screen where the photo is small
  }

  #settle() {
    const within = (value, seen, whole) =>
      (seen >= whole ? whole / 2 : Math.min(whole - seen / 2, Math.max(seen / 2, value)));
    this.centre.x = within(this.centre.x, this.pane.width / this.scale, this.size.width);
    this.centre.y = within(this.centre.y, this.pane.height / this.scale, this.size.height);
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * A canvas that shows the view. `paint(context, part, pane)` draws it; `tool` may take over a press:
 * {press(point, pane), drag(point, pane), lift()}, press returning true where it does. `hover(point)` hears the pixel
 * of the photo under the pointer, the middle of the view while the keyboard moves it, and null when neither is there.
 */
export class Pane {
  tool = null;
  hover = () => {};
  keyboard = false;
  #asked = false;
  #seen = false;
  #fingers = new Map();
  #taken = false;

  constructor(canvas, view, paint) {
    Object.assign(this, { canvas, view, paint });
    this.context = canvas.getContext("2d", { alpha: false });
    view.addEventListener("change", () => this.redraw());
    new ResizeObserver(() => this.#measure()).observe(canvas);
    for (const [name, act] of Object.entries({
      pointerdown: this.#press, pointermove: this.#drag, pointerup: this.#lift, pointercancel: this.#lift,
      pointerleave: this.#leave, wheel: this.#wheel, keydown: this.press, dblclick: this.#double,
      focus: this.#focus, blur: this.#blur,
    })) canvas.addEventListener(name, (event) => act.call(this, event), { passive: false });
  }

  redraw = () => {
    if (this.#asked || !this.#seen) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.canvas.style.touchAction = this.view.fitting && this.tool === null ? "pan-y" : "none";
      this.paint(this.context, this.view.part, this);
      if (this.keyboard) this.#drawMiddle();
    });
  };

  #measure() {
    const { clientWidth, clientHeight } = this.canvas;
    this.#seen = clientWidth > 0;
    if (!this.#seen) return;
    const [width, height] = [clientWidth, clientHeight].map((length) => Math.round(length * devicePixelRatio));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.view.resize({ width, height });
    this.redraw();
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  #press(event) {
    if (event.button !== 0) return;
    const point = this.#point(event);
    this.#fingers.set(event.pointerId, point);
    this.canvas.setPointerCapture(event.pointerId);
    this.hover(this.view.photoAt(point));
    if (this.#fingers.size === 1) this.#taken = this.tool?.press(point, this) ?? false;
  }

  #drag(event) {
    const point = this.#point(event);
    this.hover(this.view.photoAt(point));
    const before = this.#fingers.get(event.pointerId);
    if (before === undefined) return;
    if (this.#fingers.size === 2) this.#pinch(event.pointerId, before, point);
    else if (this.#taken) this.tool.drag(point, this);
    else if (!(this.view.fitting && event.pointerType === "touch")) {
      this.view.move(before.x - point.x, before.y - point.y);
    }
    this.#fingers.set(event.pointerId, point);
  }

  #lift(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#taken && this.#fingers.size === 0) {
      this.#taken = false;
      this.tool?.lift();
    }
  }

  /** What a finger has touched stays to be read after it has been lifted. */
  #leave(event) {
    if (event.pointerType !== "touch") this.hover(null);
  }

  #pinch(moving, before, point) {
    const [, other] = [...this.#fingers].find(([id]) => id !== moving);
    const span = (one) => Math.hypot(one.x - other.x, one.y - other.y);
    const middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
    this.view.move((before.x - point.x) / 2, (before.y - point.y) / 2);
    this.view.zoom((this.view.scale * span(point)) / Math.max(1, span(before)), middle);
  }

  /** Ctrl and wheel zoom, as pinching on a touchpad is reported too; the bare wheel scrolls the page. */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 0.05 : 0.004; // of a line, of a pixel
    this.view.zoom(this.view.scale * Math.exp(-event.deltaY * step), this.#point(event));
  }

  #double(event) {
    if (this.tool !== null) return;
    if (this.view.fitting) this.view.zoom(1, this.#point(event));
    else this.view.fit();
  }

  /** A key that moves or zooms the view; others are left alone. */
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { view } = this;
    const [width, height] = [view.pane.width * KEY_STEP, view.pane.height * KEY_STEP];
    const acts = {
      ArrowLeft: () => view.move(-width, 0),
      ArrowRight: () => view.move(width, 0),
      ArrowUp: () => view.move(0, -height),
      ArrowDown: () => view.move(0, height),
      "+": () => view.zoom(view.scale * KEY_ZOOM),
      "=": () => view.zoom(view.scale * KEY_ZOOM),
      "-": () => view.zoom(view.scale / KEY_ZOOM),
      0: () => view.fit(),
      1: () => view.zoom(1),
      2: () => view.zoom(2),
      4: () => view.zoom(4),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
    this.#focus();
  }

  #focus() {
    this.keyboard = this.canvas.matches(":focus-visible");
    if (this.keyboard) this.hover(this.view.centre);
    this.redraw();
  }

  #blur() {
    this.keyboard = false;
    this.hover(null);
    this.redraw();
  }

  /** A cross where the keyboard reads values. */
  #drawMiddle() {
    const { context, canvas } = this;
    const [x, y] = [Math.round(canvas.width / 2), Math.round(canvas.height / 2)];
    const arm = 9 * devicePixelRatio;
    for (const [colour, width] of [["#000000", 3], ["#ffffff", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * devicePixelRatio;
      context.beginPath();
      context.moveTo(x - arm, y);
      context.lineTo(x + arm, y);
      context.moveTo(x, y - arm);
      context.lineTo(x, y + arm);
      context.stroke();
    }
  }
}
