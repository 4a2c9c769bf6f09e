// The photos as a list, with thumbnails, states and savings; one of them is looked at.

import { byId, element } from "../elements.js";
import { bytes, percent } from "../format.js";
import { zipped } from "./zip.js";

const THUMBNAIL = 96; // pixels

export class Shelf {
  photos = [];
  current = null;

  /** `onChoose(photo)` is called when another photo is to be looked at. */
  constructor(onChoose) {
    this.onChoose = onChoose;
    byId("download-all").addEventListener("click", () => this.#downloadAll());
  }

  add(photos) {
    for (const photo of photos) {
      this.photos.push(photo);
      const item = tile(photo, () => this.choose(photo));
      photo.addEventListener("change", () => this.#tell(photo, item));
      byId("photos").append(item);
      this.#tell(photo, item);
    }
    if (this.photos.length > 1) this.#paintThumbnails();
    this.choose(photos[0]);
  }

  choose(photo) {
    if (photo === this.current) return;
    this.current = photo;
    [...byId("photos").children].forEach((item, at) =>
      item.firstChild.setAttribute("aria-current", this.photos[at] === photo));
    this.onChoose(photo);
  }

  step(by) {
    const next = this.photos[this.photos.indexOf(this.current) + by];
    if (next !== undefined) this.choose(next);
  }

  /** The next photo that waits for its work, or undefined. */
  get waiting() {
    return this.photos.find(({ state }) => state === "waiting");
  }

  /** Another wish: all that was made is to be made anew. */
  renew() {
    const possible = ({ blob, state, obstacle }) => blob !== null && (state !== "failed" || obstacle !== null);
    for (const photo of this.photos.filter(possible)) photo.renew();
  }

  /** What waits is not made now: the service is not there. */
  giveUp(obstacle) {
    for (const photo of this.photos.filter(({ state }) => state === "waiting")) photo.fail(obstacle);
  }

  /** One after the other; a list of one is not shown, and its photo need not be decoded once more. */
  async #paintThumbnails() {
    const canvases = [...byId("photos").querySelectorAll("canvas")];
    for (const [at, canvas] of canvases.entries()) {
      if (canvas.classList.contains("asked")) continue;
      canvas.classList.add("asked");
      if (this.photos[at].blob !== null) await paintThumbnail(canvas, this.photos[at].blob);
    }
  }

  #tell(photo, item) {
    item.querySelector(".state").textContent = said(photo);
    item.dataset.state = photo.state;
    const done = this.photos.filter(({ state }) => state === "done");
    byId("shelf").hidden = this.photos.length < 2;
    byId("download-all").hidden = done.length < 2;
    const before = done.map(({ blob, made }) => blob?.size ?? made.result.input_size_bytes);
    const after = done.map(({ made }) => made.blob.size);
    const sum = (sizes) => sizes.reduce((all, size) => all + size, 0);
    byId("download-all").textContent = `Download ${done.length} (ZIP, ${bytes(sum(after))} of ${bytes(sum(before))})`;
  }

  async #downloadAll() {
    const files = this.photos.filter(({ state }) => state === "done").map(({ fileName, made }) => [fileName, made.blob]);
    const url = URL.createObjectURL(await zipped(files));
    element("a", { href: url, download: "limen.zip" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
}

function said({ state, progress, saved, obstacle }) {
  if (state === "working") return progress > 0 ? percent(progress, 0) : "working";
  if (state === "done" && saved !== null) return `${saved >= 0 ? "−" : "+"}${percent(Math.abs(saved), 0)}`;
  return { waiting: "waiting", done: "done", failed: obstacle === null ? "not possible" : "not made" }[state];
}

function tile(photo, choose) {
  const canvas = element("canvas", { width: THUMBNAIL, height: THUMBNAIL, "aria-hidden": "true" });
  const button = element("button", { type: "button", class: "tile" }, canvas,
    element("span", { class: "tile-name" }, photo.name), element("span", { class: "state numbers" }));
  button.addEventListener("click", choose);
  return element("li", {}, button);
}

/** The middle of the photo; where the browser cannot read it, the tile stays empty. */
async function paintThumbnail(canvas, blob) {
  try {
    const bitmap = await createImageBitmap(blob, { resizeWidth: 2 * THUMBNAIL, resizeQuality: "medium" });
    const side = Math.min(bitmap.width, bitmap.height);
    const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
    canvas.getContext("2d").drawImage(bitmap, left, top, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
    bitmap.close();
  } catch {
    canvas.hidden = true;
  }
}
