// The file of another encoder that stands in the photo's place: which is asked for, how it is fetched, what is said of it.

import { plainBytes, readCurve } from "../aim/curve.js";
import { getBlob } from "../api.js";
import { byId } from "../elements.js";
import { bytes, percent } from "../format.js";
import { Layer } from "../pixels.js";

const ENCODERS = { jpeg: "libjpeg-turbo", share: "libjpeg-turbo", jpegli: "jpegli", webp: "libwebp", avif: "libavif" };

/** What is asked of `plain-encoding`: `kind` is its codec for as many bytes, or "share"; null while nobody knows. */
export function rivalFields(kind, { curve, share, size }) {
  if (kind !== "share") return { codec: kind, max_bytes: size };
  if (curve === undefined || plainBytes(curve, share) === null) return null;
  return { codec: "jpeg", quality: readCurve(curve, share).quality };
}

/** Its picture, with its quality and bytes as `facts`. */
export async function fetchRival(photo, fields, run) {
  const { artefacts: [{ href }], quality, size_bytes: size } = await run("plain-encoding", { image: photo.blob }, fields);
  const layer = await Layer.make("picture", { blob: await getBlob(href, { signal: run.signal }) });
  layer.facts = { quality, bytes: size };
  return layer;
}

/** What stands in the photo's place: `facts` of the file of another encoder, null while there is none. */
export function explainRival(kind, facts, photo, curve) {
  byId("rival-text").hidden = kind === "photo";
  if (kind === "photo") return;
  if (facts === null) {
    byId("rival-text").textContent = kind === "share" ? "No plain JPEG is known to promise as much yet." : "";
    return;
  }
  const plain = ["jpeg", "share"].includes(kind) && curve !== undefined;
  const ours = photo.made.result.sur === null ? "" : `, of Limen's JPEG ${percent(photo.made.result.sur, 0)}`;
  byId("rival-text").textContent =
    `Made by ${ENCODERS[kind]}: ${bytes(facts.bytes)}, Limen's JPEG ${bytes(photo.made.blob.size)}. ` +
    (plain ? `By the curve ${percent(curve.sur[100 - Math.max(1, facts.quality)], 0)} see no difference of it${ours}.`
      : "No share of viewers is predicted for it.");
}
