// The images of one trial: fetched when they are looked at, a few kept.

import { getBlob } from "../js/api.js";

const KEPT = 16;

export class Images {
  #bitmaps = new Map();

  constructor(trial) {
    this.trial = trial;
  }

  /** The bitmap of a level; the reference is the level below the lowest one. */
  level(level) {
    if (!this.#bitmaps.has(level)) {
      this.#bitmaps.set(level, this.#fetched(level));
      if (this.#bitmaps.size > KEPT) this.#forget(this.#bitmaps.keys().next().value);
    }
    return this.#bitmaps.get(level);
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
