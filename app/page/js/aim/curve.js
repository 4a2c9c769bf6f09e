// The SUR curve as a chart: drag or step the target share, and read quality, bytes and the 95 % band where it cuts.

import { svgElement } from "../elements.js";
import { bytes, percent } from "../format.js";

const HEIGHTS = [280, 380]; // least and most
const MARGIN = { left: 46, right: 14, top: 12, bottom: 42 };
const KEYS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 };
export const LEAST = 5; // per cent of viewers that can be asked for
export const MOST = 99;

/**
 * What a curve says of a target share: the lowest JPEG quality that reaches it, the bytes and the share there, and
 * where the two may lie. `result`: of /v1/sur-curve; arrays are by distortion level 1..100, level n is quality 101 - n.
 */
export function readCurve(result, share) {
  const quality = lowestQuality(result.sur, share);
  const at = 100 - quality;
  return {
    quality,
    bytes: result.predicted_bytes[at],
    share: result.sur[at],
    shares: [result.band.low[at], result.band.high[at]],
    qualities: [lowestQuality(result.band.high, share), lowestQuality(result.band.low, share)],
    coverage: result.band.coverage,
  };
}

/** Bytes of the plain JPEG that promises a share, or null where none does. */
export function plainBytes(result, share) {
  return Math.max(...result.sur) < share - 1e-9 ? null : readCurve(result, share).bytes;
}

/** Lowest quality at which a curve is at least `share`; 100 if none is. */
export function lowestQuality(curve, share) {
  const level = curve.findLastIndex((value) => value >= share - 1e-9) + 1;
  return 101 - Math.max(1, level);
}

/** The reading in words. */
export function describe({ quality, bytes: size, shares, qualities, coverage }, share) {
  const within = `${percent(coverage, 0)} band: quality ${qualities[0]} to ${qualities[1]}`;
  const needs = `For ${percent(share, 0)} of viewers a plain JPEG needs quality ${quality}, about ${bytes(size)}`;
  const range = `${percent(shares[0], 0)} to ${percent(shares[1], 0)}`;
  return `${needs} (${within}). At that quality ${range} are predicted to see no difference.`;
}

/** The chart in an <svg>. `onInput(share)` hears every step of a drag, `onChange(share)` its end and each key. */
export class CurveChart {
  #share = 0.75;
  #results = new Map(); // by JND
  #jnd = 1;
  #before = null;

  constructor(svg, { onInput, onChange }) {
    Object.assign(this, { svg, onInput, onChange });
    new ResizeObserver(() => this.draw()).observe(svg.parentElement);
    svg.addEventListener("pointerdown", (event) => this.#press(event));
    svg.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => this.#lift());
    svg.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Forget all curves: another photo or other observers. */
  clear() {
    this.#results.clear();
    this.draw();
  }

  /** Show a result; those of the other JNDs stay as thin lines. */
  show(result) {
    this.#results.set(result.jnd, result);
    this.choose(result.jnd);
  }

  /** The JND whose curve is read. */
  choose(jnd) {
    this.#jnd = jnd;
    this.draw();
  }

  get result() {
    return this.#results.get(this.#jnd);
  }

  set share(share) {
    this.#share = share;
    this.draw();
  }

  draw() {
    this.width = this.svg.parentElement.clientWidth;
    if (this.width === 0) return;
    const focused = this.svg.contains(document.activeElement);
    this.height = Math.round(Math.min(HEIGHTS[1], Math.max(HEIGHTS[0], this.width * 0.62)));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    this.svg.replaceChildren(...this.#axes());
    if (this.result === undefined) return;
    const lines = [this.#band(), ...this.#others(), this.#line(this.result, "curve")];
    this.svg.append(...lines, ...this.#asked(), this.#target());
    if (focused) this.svg.querySelector("[role=slider]").focus();
  }

  #x(quality) {
    return MARGIN.left + ((quality - 1) / 99) * (this.width - MARGIN.left - MARGIN.right);
  }

  #y(share) {
    return MARGIN.top + (1 - share) * (this.height - MARGIN.top - MARGIN.bottom);
  }

  #axes() {
    const [left, right, bottom] = [MARGIN.left, this.width - MARGIN.right, this.#y(0)];
    const rows = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      svgElement("line", { class: "axis", x1: left, x2: right, y1: this.#y(share), y2: this.#y(share) }),
      svgElement("text", { x: left - 6, y: this.#y(share) + 4, "text-anchor": "end" }, `${share * 100} %`),
    ]);
    const columns = [1, 20, 40, 60, 80, 100].map((quality) =>
      svgElement("text", { x: this.#x(quality), y: bottom + 17, "text-anchor": "middle" }, `${quality}`));
    return [...rows, ...columns,
      svgElement("text", { x: (left + right) / 2, y: this.height - 6, "text-anchor": "middle" }, "JPEG quality")];
  }

  #points(curve) {
    return curve.map((share, index) => `${this.#x(100 - index).toFixed(1)},${this.#y(share).toFixed(1)}`);
  }

  #line(result, kind) {
    return svgElement("polyline", { class: kind, points: this.#points(result.sur).join(" ") });
  }

  #band() {
    const { low, high } = this.result.band;
    const outline = [...this.#points(low), ...this.#points(high).reverse()];
    return svgElement("polygon", { class: "band", points: outline.join(" ") });
  }

  #others() {
    return [...this.#results.values()].filter(({ jnd }) => jnd !== this.#jnd).flatMap((result) => {
      const half = 101 - result.sur.findIndex((share) => share < 0.5);
      const place = { class: "other-name", x: this.#x(Math.min(96, half)) + 5, y: this.#y(0.5) - 5 };
      return [this.#line(result, "curve other"), svgElement("text", place, `JND ${result.jnd}`)];
    });
  }

  #asked() {
    const { levels, level_sur: shares } = this.result;
    return levels.map((level, index) =>
      svgElement("circle", { class: "asked", cx: this.#x(101 - level), cy: this.#y(shares[index]), r: 2.5 }));
  }

  #target() {
    const read = readCurve(this.result, this.#share);
    const [x, y, right] = [this.#x(read.quality), this.#y(this.#share), this.width - MARGIN.right];
    const [low, high] = read.qualities.map((quality) => this.#x(quality));
    const group = svgElement("g", {
      class: "target", role: "slider", tabindex: 0, "aria-label": "Target share of viewers", "aria-valuemin": LEAST,
      "aria-valuemax": MOST, "aria-valuenow": Math.round(this.#share * 100), "aria-orientation": "vertical",
      "aria-valuetext": describe(read, this.#share),
    });
    group.append(
      svgElement("rect", { class: "grip", x: MARGIN.left, y: y - 20, width: right - MARGIN.left, height: 40 }),
      svgElement("line", { class: "mark", x1: MARGIN.left, x2: right, y1: y, y2: y }),
      svgElement("line", { class: "mark", x1: x, x2: x, y1: y, y2: this.#y(0) }),
      svgElement("line", { class: "reach", x1: low, x2: high, y1: this.#y(0), y2: this.#y(0) }),
      svgElement("circle", { class: "dot", cx: x, cy: y, r: 7 }),
      this.#label(x, y, `quality ${read.quality}`, bytes(read.bytes)),
    );
    return group;
  }

  #label(x, y, ...lines) {
    const [width, height] = [104, 42];
    const fits = x + 14 + width <= this.width - MARGIN.right; // below and right of the curve, where nothing is drawn
    const left = fits ? x + 14 : Math.max(MARGIN.left + 4, x - 14 - width);
    const top = Math.min(y + 12, this.#y(0) - height - 8);
    const label = svgElement("g", { class: "reading", transform: `translate(${left.toFixed(1)} ${top.toFixed(1)})` },
      svgElement("rect", { width, height, rx: 6 }));
    label.append(...lines.map((line, index) =>
      svgElement("text", { x: width / 2, y: 18 + index * 16, "text-anchor": "middle" }, line)));
    return label;
  }

  #set(share) {
    this.#share = Math.min(MOST, Math.max(LEAST, Math.round(share * 100))) / 100;
    this.draw();
    this.onInput(this.#share);
  }

  #press(event) {
    if (this.result === undefined || event.button !== 0) return;
    if (event.pointerType === "touch" && event.target.closest("[role=slider]") === null) return; // lets the page scroll
    event.preventDefault();
    this.#before = this.#share;
    this.svg.setPointerCapture(event.pointerId);
    this.#drag(event);
    this.svg.querySelector("[role=slider]").focus();
  }

  #drag(event) {
    if (this.#before === null) return;
    const y = event.clientY - this.svg.getBoundingClientRect().top;
    this.#set(1 - (y - MARGIN.top) / (this.height - MARGIN.top - MARGIN.bottom));
  }

  #lift() {
    if (this.#before === null) return;
    const changed = this.#before !== this.#share;
    this.#before = null;
    if (changed) this.onChange(this.#share);
  }

  #key(event) {
    const ends = { Home: LEAST / 100, End: MOST / 100 };
    if (!(event.key in KEYS) && !(event.key in ends)) return;
    event.preventDefault();
    this.#set(event.key in ends ? ends[event.key] : this.#share + KEYS[event.key] / 100);
    this.onChange(this.#share);
  }
}
