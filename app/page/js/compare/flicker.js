// Original and result in the same place by turns, 8 changes a second: the most sensitive way to see a difference.

import { byId } from "../elements.js";

export const RATE_HZ = 8;
const HOLD_MS = 1000 / RATE_HZ;
const LONGEST_MS = 30_000;

/** The dialog of the flicker mode. `pictures()` gives {before, after, centre} as for the blind test. */
export class Flicker {
  #bitmaps = null;
  #frame = 0;
  #running = false;
  #turn = 0; // goes up when what was begun is no longer wanted

  constructor(pictures) {
    this.pictures = pictures;
    this.dialog = byId("flicker");
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    byId("flicker-start").addEventListener("click", () => (this.#running ? this.#stop() : this.#start()));
    byId("flicker-consent").addEventListener("change", () => this.#allow());
    this.dialog.addEventListener("close", () => this.#stop());
  }

  /** Nothing moves until it is started, and where the system asks for less motion, not before that is confirmed. */
  open() {
    byId("flicker-calm").hidden = !this.calm.matches;
    byId("flicker-consent").checked = false;
    this.#allow();
    this.dialog.showModal();
    this.#still();
  }

  #allow() {
    byId("flicker-start").disabled = this.calm.matches && !byId("flicker-consent").checked;
  }

  async #crops() {
    const { before, after, centre } = this.pictures();
    const canvas = byId("flicker-canvas");
    const room = canvas.parentElement.clientWidth * devicePixelRatio;
    const width = Math.floor(Math.min(before.width, room));
    const height = Math.floor(Math.min(before.height, window.innerHeight * 0.5 * devicePixelRatio));
    const within = (middle, seen, whole) => Math.round(Math.max(0, Math.min(whole - seen, middle - seen / 2)));
    const [x, y] = [within(centre.x, width, before.width), within(centre.y, height, before.height)];
    Object.assign(canvas, { width, height });
    canvas.style.width = `${width / devicePixelRatio}px`;
    return Promise.all([before, after].map((layer) => layer.crop(x, y, width, height)));
  }

  async #still() {
    const turn = this.#turn;
    const bitmaps = await this.#crops();
    if (turn === this.#turn) byId("flicker-canvas").getContext("2d").drawImage(bitmaps[0], 0, 0);
    for (const bitmap of bitmaps) bitmap.close();
  }

  async #start() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#running = true;
    byId("flicker-start").textContent = "Stop";
    const bitmaps = await this.#crops();
    if (turn !== this.#turn) {
      for (const bitmap of bitmaps) bitmap.close();
      return;
    }
    this.#bitmaps = bitmaps;
    const began = performance.now();
    let shown = -1;
    const step = (now) => {
      if (turn !== this.#turn) return;
      if (now - began > LONGEST_MS) {
        this.#stop();
        return;
      }
      const change = Math.max(0, Math.floor((now - began) / HOLD_MS));
      if (change !== shown) this.#show(change, now - began);
      shown = change;
      this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #show(turn, elapsed) {
    const canvas = byId("flicker-canvas");
    canvas.getContext("2d").drawImage(this.#bitmaps[turn % 2], 0, 0);
    canvas.dataset.turn = turn;
    byId("flicker-time").textContent = `${Math.ceil((LONGEST_MS - elapsed) / 1000)} s left`;
  }

  #stop() {
    this.#turn += 1;
    this.#running = false;
    cancelAnimationFrame(this.#frame);
    for (const bitmap of this.#bitmaps ?? []) bitmap.close();
    this.#bitmaps = null;
    byId("flicker-start").textContent = "Start";
    byId("flicker-time").textContent = "";
  }
}
