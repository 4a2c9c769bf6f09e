// The page's side of pixels_worker.js: ask, and get a promise; and the tiles of a layer as far as they have come.

const TILES_KEPT = 160;
const worker = new Worker(new URL("./pixels_worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let asked = 0;
let names = 0;

worker.addEventListener("message", ({ data: { id, value, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(value);
  else reject(new Error(error));
});

function ask(operation, parts = {}, passed = []) {
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, operation, ...parts }, passed);
  });
}

/** A picture or map that the worker keeps; drawn from its overview and from tiles as they arrive. */
export class Layer {
  static async make(operation, parts) {
    names += 1;
    const name = `layer-${names}`;
    return new Layer(name, await ask(operation, { name, ...parts }));
  }

  constructor(name, { width, height, levels, tile, overview, reduced }) {
    Object.assign(this, { name, width, height, levels, tile, overview, reduced, tiles: new Map(), inView: 0 });
    Object.assign(this, { closed: false, holds: 0, dropped: false });
  }

  /** Where the overview was reduced on the way, make it as that of any other picture, so that two of them compare. */
  async refine() {
    if (!this.reduced) return;
    this.reduced = false;
    const overview = await ask("overview", { name: this.name }).catch(() => null); // dropped in the meantime
    if (overview === null || this.closed) return;
    this.overview.close();
    this.overview = overview;
  }

  /**
   * Draw the part that `view` shows; `onTile` is called when a tile that was missing has come.
   * `view`: {scale, left, top, width, height}, scale in canvas pixels for each pixel of the photo.
   */
  draw(context, view, onTile) {
    const { scale, left, top, width, height } = view;
    context.imageSmoothingEnabled = scale < 1.5;
    context.imageSmoothingQuality = scale * this.width < this.overview.width / 2 ? "medium" : "low"; // low skips no pixel
    context.drawImage(this.overview, -left * scale, -top * scale, this.width * scale, this.height * scale);
    const level = Math.max(0, Math.min(this.levels - 1, Math.floor(Math.log2(1 / scale) + 0.01)));
    if (level === this.levels - 1) return;
    const span = this.tile * 2 ** level;
    const last = (length) => Math.ceil(length / span) - 1;
    const [firstColumn, firstRow] = [Math.max(0, Math.floor(left / span)), Math.max(0, Math.floor(top / span))];
    const lastColumn = Math.min(last(this.width), Math.floor((left + width / scale) / span));
    const lastRow = Math.min(last(this.height), Math.floor((top + height / scale) / span));
    this.inView = Math.max(0, lastColumn - firstColumn + 1) * Math.max(0, lastRow - firstRow + 1);
    for (let row = firstRow; row <= lastRow; row += 1) {
      for (let column = firstColumn; column <= lastColumn; column += 1) {
        const tile = this.#tile(level, column, row, onTile);
        if (tile === null) continue;
        const [x, y] = [Math.round((column * span - left) * scale), Math.round((row * span - top) * scale)];
        const right = Math.round((column * span + tile.width * 2 ** level - left) * scale);
        const bottom = Math.round((row * span + tile.height * 2 ** level - top) * scale);
        context.drawImage(tile, x, y, right - x, bottom - y);
      }
    }
  }

  #tile(level, column, row, onTile) {
    const key = `${level}/${column}/${row}`;
    const known = this.tiles.get(key);
    if (known !== undefined) {
      this.tiles.delete(key); // to the end of the order, which is that of use
      this.tiles.set(key, known);
      return known;
    }
    this.tiles.set(key, null);
    ask("tile", { name: this.name, level, column, row }).then((bitmap) => {
      if (this.closed) bitmap.close();
      else this.#keep(key, bitmap, onTile);
    }, () => this.tiles.delete(key));
    return null;
  }

  #keep(key, bitmap, onTile) {
    this.tiles.set(key, bitmap);
    while (this.tiles.size > Math.max(TILES_KEPT, 2 * this.inView)) {
      const [oldest, dropped] = this.tiles.entries().next().value;
      dropped?.close();
      this.tiles.delete(oldest);
    }
    onTile();
  }

  crop(x, y, width, height) {
    return ask("crop", { name: this.name, x, y, width, height });
  }

  /** The map's value at a pixel. */
  value(x, y) {
    return ask("value", { name: this.name, x, y });
  }

  /** It stays until it is released, even if it is closed before. */
  hold() {
    this.holds += 1;
  }

  release() {
    this.holds -= 1;
    if (this.dropped && this.holds === 0) this.close();
  }

  close() {
    this.dropped = true;
    if (this.holds > 0) return;
    this.closed = true;
    this.overview.close();
    for (const tile of this.tiles.values()) tile?.close();
    this.tiles.clear();
    ask("drop", { name: this.name });
  }
}

/** Greatest difference of any channel, 0..255, between two layers within a rectangle. */
export function deviation(one, other, { x, y, width, height }) {
  return ask("deviation", { one: one.name, other: other.name, x, y, width, height });
}

/** A painted canvas as a black and white PNG of `width` x `height`. */
export async function maskFile(canvas, width, height) {
  const bitmap = await createImageBitmap(canvas);
  return ask("mask", { bitmap, width, height }, [bitmap]);
}
