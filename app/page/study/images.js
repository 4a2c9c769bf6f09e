// The images of one trial: fetched when they are looked at, the last few kept, and always those on display.

import { getBlob } from "../js/api.js";

const KEPT = 16;

export class Images {
  #bitmaps = new Map(); // by level, the one asked for last at the end
  onDisplay = []; // levels that are kept however many others are asked for

  constructor(trial) {
    this.trial = trial;
  }

  /** The bitmap of a level; the reference is the level below the lowest one. */
  level(level) {
    const bitmap = this.#bitmaps.get(level) ?? this.#fetched(level);
    this.#bitmaps.delete(level);
    this.#bitmaps.set(level, bitmap);
    const others = [...this.#bitmaps.keys()].filter((each) => !this.onDisplay.includes(each));
    for (const old of others.slice(0, -KEPT)) this.#forget(old);
    return bitmap;
  }

  async #fetched(level) {
    try {
      return await createImageBitmap(await getBlob(this.trial.levels.replace("{level}", level)));
    } catch (error) {
      this.#bitmaps.delete(level); // so that it can be tried again
      throw error;
    }
  }

  #forget(level) {
    const bitmap = this.#bitmaps.get(level);
    this.#bitmaps.delete(level);
    bitmap.then((found) => found.close()).catch(() => {});
  }

  close() {
    for (const level of this.#bitmaps.keys()) this.#forget(level);
  }
}

/** A canvas for images of one size, shown at `scale` CSS pixels per image pixel. */
export function canvasFor({ width, height }, scale, label) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  resize(canvas, scale);
  return canvas;
}

export function resize(canvas, scale) {
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
}
