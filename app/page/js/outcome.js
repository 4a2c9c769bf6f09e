// What is said of the JPEG that was made: the figures that stay in view, and how it was found.

import { byId, element, figureList } from "./elements.js";
import { bytes, percent } from "./format.js";
import { plainBytes } from "./aim/curve.js";
import { peopleWho } from "./aim/observers.js";

const CAPTION = byId("curve-caption").textContent; // as long as there is no curve

/** `−34 %` of `before`, or `+2 %`. */
function change(after, before) {
  const share = after / before - 1;
  return `${share <= 0 ? "−" : "+"}${percent(Math.abs(share), 0)}`;
}

/** The bar: what has been made of `photo`; `plain`: "waiting", bytes of the rival, or null where there is none. */
export function showFigures(photo, plain) {
  const { result, blob } = photo.made;
  const before = photo.blob?.size ?? result.input_size_bytes;
  const rival = { waiting: ["…", "against a plain JPEG"], null: ["?", "against a plain JPEG: not known"] }[plain] ??
    [change(blob.size, plain), `against a plain JPEG that promises as much, about ${bytes(plain)}`];
  byId("figures").replaceChildren(...figureList([
    ["this JPEG", bytes(blob.size), "main"],
    [`against your file, ${bytes(before)}`, change(blob.size, before), "main"],
    [rival[1], rival[0], "main plain"],
    ["of viewers see no difference", result.sur === null ? "unknown" : percent(result.sur, 0), "main"],
  ]));
}

/** About how large the JPEG gets for another share of viewers: as much smaller than the plain one as it is now. */
export function expectedSize(photo, curve, share) {
  const rival = curve === undefined ? null : plainBytes(curve, share);
  if (rival === null || !photo?.plain) return "";
  return `For ${percent(share, 0)} the JPEG has about ${bytes(Math.round((rival * photo.made.blob.size) / photo.plain))}.`;
}

/** The link to the file. */
export function offerFile({ made: { url }, fileName }) {
  Object.assign(byId("download"), { href: url, download: fileName });
}

/** The link can be dragged out of the window, too, onto the desktop or into a folder. */
export function letFileBeDragged() {
  byId("download").addEventListener("dragstart", ({ dataTransfer, currentTarget: { download, href } }) =>
    dataTransfer.setData("DownloadURL", `image/jpeg:${download}:${href}`));
}

/** What stands behind the figures. */
export function explain({ made: { result, protects } }) {
  byId("promise").textContent =
    `The share is predicted for exactly these bytes, for ${peopleWho(result.observer)}, at ${result.pixels_per_degree} ` +
    "pixels to a degree of the eye. " +
    (protects ? "What you painted is closer to the photo. " : "") +
    (result.encoder === "input" ? "No smaller file keeps the promise: these are the pixels of your file, packed better." : "");
  byId("warnings").replaceChildren(...result.warnings.map((warning) => element("li", {}, warning)));
  byId("trials").tBodies[0].replaceChildren(...result.trials.map((trial) => element("tr", {},
    element("td", {}, trial.encoder),
    element("td", {}, `${trial.quality}`),
    element("td", {}, bytes(trial.size_bytes)),
    element("td", {}, trial.sur === null ? "not asked" : percent(trial.sur)))));
}

/** Nothing is said any longer of the photo before. */
export function clearShown(photo) {
  document.body.classList.remove("empty");
  document.body.classList.toggle("by-link", photo.blob === null);
  for (const id of ["problem", "figures", "download", "stand-in", "drawing", "legend", "opacity-field", "rival-text", "promised"]) byId(id).hidden = true;
  for (const id of ["outcome", "results", "result-wait"]) byId(id).hidden = false;
  byId("no-photo").hidden = photo.blob !== null;
  for (const id of ["photo-size", "legend-text", "protect-state", "promise", "target-size"]) byId(id).textContent = "";
  for (const id of ["curve-files", "map-files", "legend-ticks", "warnings"]) byId(id).replaceChildren();
  for (const id of ["open-blind", "open-flicker"]) byId(id).disabled = true;
  byId("trials").tBodies[0].replaceChildren();
  byId("curve-caption").textContent = CAPTION;
  byId("photo-name").textContent = photo.name;
  history.replaceState(null, "", location.pathname);
}

/** What it costs in bytes that parts are protected. */
export function costOfProtection({ made: { blob, protects, wish }, bare }) {
  if (!protects) return "";
  const closer = "In this JPEG, what you painted is closer to the photo.";
  if (bare?.wish !== wish) return closer;
  const more = blob.size - bare.size;
  return `${closer} It costs ${bytes(Math.abs(more))}${more < 0 ? " less" : ""} (${percent(Math.abs(more) / bare.size, 0)}).`;
}
