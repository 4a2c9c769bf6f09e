// Maps that lie over the photo: what to ask for, the legend, the value under the pointer, and the map's files.

import { artefact, getBlob } from "./api.js";
import { byId, element } from "./elements.js";
import { number } from "./format.js";
import { HEAT } from "./heat.js";
import { hasKey } from "./key.js";
import { Layer } from "./pixels.js";

const PATCHES = 2500; // patches of a local quality map at most, for its time not to grow with the photo
const STRIDES = [16, 32, 64, 128];
const TICKS = 5;

/** What each map is: its unit as it is read, and what its legend says. */
export const MAPS = {
  jnd: {
    file: "jnd-map",
    unit: "luma levels",
    text: ({ percentiles: { p10, p50, p90 } }) =>
      "Change below this many of 255 luma levels is invisible; brighter parts hide more. " +
      `Half of the photo hides ${number(p50)} or more; its most sensitive tenth less than ${number(p10)}, ` +
      `its busiest more than ${number(p90)}.`,
  },
  quality: {
    file: "patch-quality-map",
    unit: "of 1",
    text: ({ mean }) =>
      `Local quality without a reference, 0 to 1, brighter is better; the mean is ${number(mean, 2)}.`,
  },
  closeness: {
    file: "patch-quality-map",
    unit: "of 5",
    text: ({ mean, min }) =>
      "How close the result looks to the photo, 1 to 5, brighter is closer; " +
      `the mean is ${number(mean, 2)}, the worst part ${number(min, 2)}.`,
  },
};

/** What to ask the service for a map of `kind`: {capability, files, fields}; `blob` is the result. */
export function mapRequest(kind, photo, blob) {
  if (kind === "jnd") return { capability: "jnd-map", files: { image: photo.blob }, fields: {} };
  const files = kind === "quality" ? { image: photo.blob } : { image: blob, reference: photo.blob };
  return { capability: "patch-quality-map", files, fields: { stride: strideFor(photo) } };
}

/** The step of a local quality map that keeps it under PATCHES patches. */
function strideFor({ width, height }) {
  return STRIDES.find((stride) => (width / stride) * (height / stride) <= PATCHES) ?? STRIDES.at(-1);
}

/** A map's layer from its result. `kind` is a key of MAPS, `file` its 16-bit PNG. */
export function mapLayer(kind, result, file, { width, height }) {
  const parts = { blob: file, scale: result.png_scale, range: rangeOf(result) };
  if (kind === "jnd") return Layer.make("map", parts);
  return Layer.make("patches", { ...parts, width, height, patchSize: result.patch_size, stride: result.stride });
}

function rangeOf(result) {
  return result.overlay_range ?? (result.scale === "0..1" ? [0, 1] : [1, 5]);
}

/** The legend of a map, and links to its files. */
export function showLegend(kind, result) {
  const bar = byId("legend-bar");
  bar.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(HEAT.buffer.slice(0)), 256, 1), 0, 0);
  const [low, high] = rangeOf(result);
  const digits = high - low < TICKS - 1 ? 2 : 0;
  byId("legend-ticks").replaceChildren(...Array.from({ length: TICKS }, (_, at) => {
    const value = number(low + ((high - low) * at) / (TICKS - 1), digits);
    return element("span", {}, at === TICKS - 1 ? `${value} ${MAPS[kind].unit}` : value);
  }));
  byId("legend-text").textContent = MAPS[kind].text(result);
  showFiles(byId("map-files"), result, [`${MAPS[kind].file}.png`, `${MAPS[kind].file}.npz`]);
}

/** Links to files of a result, by name. */
export function showFiles(box, result, names) {
  const links = names.map((name) => artefact(result, name)).filter((file) => file !== undefined);
  box.replaceChildren(...links.map(({ name, href }) => {
    const kind = name.split(".").at(-1).toUpperCase();
    const link = element("a", { href, download: name, class: "button quiet slim" }, `Download ${kind}`);
    link.addEventListener("click", (event) => hasKey() && saveWithKey(event, link));
    return link;
  }));
}

/** A link sends no key: the file is fetched first, and then saved from here. */
async function saveWithKey(event, { href, download }) {
  event.preventDefault();
  const url = URL.createObjectURL(await getBlob(href));
  element("a", { href: url, download }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Says the map's value at pixels of the photo; only the newest question is answered. */
export class Readout {
  #newest = 0;

  constructor(output) {
    this.output = output;
  }

  async show(point, photo, map, unit) {
    this.#newest += 1;
    const question = this.#newest;
    const [x, y] = point === null ? [-1, -1] : [Math.floor(point.x), Math.floor(point.y)];
    const inside = x >= 0 && y >= 0 && x < (photo?.width ?? 0) && y < (photo?.height ?? 0);
    if (!inside || map === null) {
      this.output.hidden = true;
      return;
    }
    const value = await map.value(x, y);
    if (question !== this.#newest) return;
    this.output.textContent = `${number(value, 2)} ${unit} at ${x}, ${y}`;
    this.output.hidden = false;
  }
}
