// Everything that touches all pixels of a picture, off the page's own thread: decoding, pyramids, tiles, differences.
//
// A layer is a picture or a map of values, halved again and again until its longest side is small enough; the page
// gets that smallest one as a whole and asks for tiles of the finer ones as they come into view. Those in between are
// made when the first of their tiles is asked for. Of a large JPEG the smallest one comes first, and the whole one when
// it is asked for, so that it is soon seen.

import { HEAT, heatIndex } from "./heat.js";
import { decodeGrey16 } from "./png16.js";
import { reducedPicture } from "./reduced.js";

const OVERVIEW = 1536;
const TILE = 512;
const STRIPE = 256;
const layers = new Map();

class Picture {
  #made = new Map(); // bitmaps by level, as promises

  /** `open()` gives the whole one as a bitmap, when it is first needed. */
  constructor({ width, height }, open) {
    Object.assign(this, { width, height, open, levels: sizes(width, height) });
  }

  static of(bitmap) {
    return new Picture(bitmap, () => Promise.resolve(bitmap));
  }

  get whole() {
    return this.#level(0);
  }

  /** Part of a level as a bitmap of its own. */
  async part(level, x, y, width, height) {
    return drawn(await this.#level(level), x, y, width, height).canvas.transferToImageBitmap();
  }

  /** The smallest comes from the photo itself, each other one from the one before it. */
  #level(level) {
    if (!this.#made.has(level)) this.#made.set(level, level === 0 ? this.open() : this.#resized(level));
    return this.#made.get(level);
  }

  async #resized(level) {
    const bitmap = await this.#level(level === this.levels.length - 1 ? 0 : level - 1);
    const { width: resizeWidth, height: resizeHeight } = this.levels[level];
    return createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "medium" });
  }

  close() {
    for (const bitmap of this.#made.values()) bitmap.then((made) => made.close(), () => {});
  }
}

/** Size of a layer at each level, the full one first. */
function sizes(width, height) {
  const halvings = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / OVERVIEW)));
  return Array.from({ length: halvings + 1 }, (_, level) => (
    { width: Math.ceil(width / 2 ** level), height: Math.ceil(height / 2 ** level) }
  ));
}

/** Values that are drawn in the colours of heat.js; `valueAt(x, y)` takes pixels of the photo. */
class Values {
  constructor(width, height, [low, high], valueAt) {
    Object.assign(this, { width, height, low, high, valueAt, levels: sizes(width, height) });
  }

  part(level, x, y, width, height) {
    const step = 2 ** level;
    const image = new ImageData(width, height);
    const colours = new Uint32Array(image.data.buffer);
    for (let row = 0; row < height; row += 1) {
      const atY = Math.min(this.height - 1, (y + row) * step + (step >> 1));
      for (let column = 0; column < width; column += 1) {
        const value = this.valueAt(Math.min(this.width - 1, (x + column) * step + (step >> 1)), atY);
        colours[row * width + column] = HEAT[heatIndex(value, this.low, this.high)];
      }
    }
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas.transferToImageBitmap();
  }

  close() {}
}

const operations = {
  /** Keep a photo, oriented as its EXIF says. */
  async picture({ name, blob }) {
    const whole = () => createImageBitmap(blob);
    const found = await reducedPicture(blob, sizes);
    if (found === null) return kept(name, Picture.of(await whole()));
    const bitmap = await createImageBitmap(found.image);
    found.image.close();
    return kept(name, new Picture(found, whole), bitmap);
  },

  /** The smallest level as any picture's is made, in place of a reduced one. */
  overview({ name }) {
    return coarsest(layers.get(name));
  },

  /** Keep a map from a 16-bit PNG: one value a pixel. */
  async map({ name, blob, scale, range }) {
    const { width, height, samples } = await decodeGrey16(await blob.arrayBuffer());
    return kept(name, new Values(width, height, range, (x, y) => samples[y * width + x] / scale));
  },

  /** Keep a map from a 16-bit PNG of patch values: linear between the centres of patches, constant outside. */
  async patches({ name, blob, scale, range, width, height, patchSize, stride }) {
    const grid = await decodeGrey16(await blob.arrayBuffer());
    const centre = (patchSize - 1) / 2;
    const along = (position, count) => {
      const exact = Math.max(0, Math.min(count - 1, (position - centre) / stride));
      const below = Math.min(Math.floor(exact), Math.max(0, count - 2));
      return [below, Math.min(below + 1, count - 1), exact - below];
    };
    const valueAt = (x, y) => {
      const [top, bottom, down] = along(y, grid.height);
      const [left, right, across] = along(x, grid.width);
      const sample = (row, column) => grid.samples[row * grid.width + column];
      const mixed = (row) => sample(row, left) * (1 - across) + sample(row, right) * across;
      return (mixed(top) * (1 - down) + mixed(bottom) * down) / scale;
    };
    return kept(name, new Values(width, height, range, valueAt));
  },

  /** Keep the absolute difference of two photos, `gain` times as strong. */
  async difference({ name, one, other, gain }) {
    const [first, second] = [layers.get(one), layers.get(other)];
    const canvas = new OffscreenCanvas(first.width, first.height);
    const context = canvas.getContext("2d");
    for (let y = 0; y < first.height; y += STRIPE) {
      const height = Math.min(STRIPE, first.height - y);
      const image = pixelsOf(await first.whole, 0, y, first.width, height);
      const against = pixelsOf(await second.whole, 0, y, first.width, height).data;
      const data = image.data;
      for (let at = 0; at < data.length; at += 1) {
        if (at % 4 !== 3) data[at] = gain * Math.abs(data[at] - against[at]); // alpha stays as it is: opaque
      }
      context.putImageData(image, 0, y);
    }
    return kept(name, Picture.of(canvas.transferToImageBitmap()));
  },

  tile({ name, level, column, row }) {
    const layer = layers.get(name);
    const { width, height } = layer.levels[level];
    const [x, y] = [column * TILE, row * TILE];
    return layer.part(level, x, y, Math.min(TILE, width - x), Math.min(TILE, height - y));
  },

  /** Part of a layer at full size. */
  crop({ name, x, y, width, height }) {
    return layers.get(name).part(0, x, y, width, height);
  },

  value({ name, x, y }) {
    return layers.get(name).valueAt(x, y);
  },

  /** Greatest difference of any channel in part of two photos. */
  async deviation({ one, other, x, y, width, height }) {
    const first = pixelsOf(await layers.get(one).whole, x, y, width, height).data;
    const second = pixelsOf(await layers.get(other).whole, x, y, width, height).data;
    return first.reduce((most, value, at) => Math.max(most, Math.abs(value - second[at])), 0);
  },

  /** What is painted in `bitmap`, as a black and white PNG of the photo's size. */
  async mask({ bitmap, width, height }) {
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.fillStyle = "#000000";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    return canvas.convertToBlob({ type: "image/png" });
  },

  drop({ name }) {
    layers.get(name)?.close();
    layers.delete(name);
  },
};

/** `reduced`: what the page shows first, where that is not the layer's own smallest level. */
async function kept(name, layer, reduced = null) {
  operations.drop({ name });
  layers.set(name, layer);
  const { width, height, levels } = layer;
  const overview = reduced ?? (await coarsest(layer));
  return { width, height, levels: levels.length, tile: TILE, reduced: reduced !== null, overview };
}

function coarsest(layer) {
  const last = layer.levels.length - 1;
  return layer.part(last, 0, 0, layer.levels[last].width, layer.levels[last].height);
}

function pixelsOf(bitmap, x, y, width, height) {
  return drawn(bitmap, x, y, width, height, { willReadFrequently: true }).getImageData(0, 0, width, height);
}

/** Part of a bitmap on white, which the service puts behind transparent pixels too. */
function drawn(bitmap, x, y, width, height, options = {}) {
  const context = new OffscreenCanvas(width, height).getContext("2d", options);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, -x, -y);
  return context;
}

self.addEventListener("message", async ({ data: { id, operation, ...asked } }) => {
  try {
    const value = await operations[operation](asked);
    const passed = [value, value?.overview].filter((each) => each instanceof ImageBitmap);
    self.postMessage({ id, value }, passed);
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
});
