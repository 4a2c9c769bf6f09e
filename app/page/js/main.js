// The page at "/": puts the parts together, and decides which work follows from which wish.

import { artefact, getBlob } from "./api.js";
import { BlindTest } from "./blind_test.js";
import { Brush } from "./brush.js";
import { CurveChart, describe, readCurve } from "./curve.js";
import { byId, showProblem } from "./elements.js";
import { Flicker } from "./flicker.js";
import { bytes, percent } from "./format.js";
import { takePhotos } from "./intake.js";
import { Jobs } from "./jobs.js";
import { MAPS, mapLayer, mapRequest, paintMap, Readout, showFiles, showLegend } from "./maps.js";
import { listObservers } from "./observers.js";
import { Layer } from "./pixels.js";
import { borderTool, paintResult, showFigures } from "./result.js";
import { scoreRequests, showScores } from "./scores.js";
import { Pane, View } from "./viewer.js";

const DIFFERENCE_GAIN = 8;
const STAND_IN_QUALITY = 100;

let photo = null; // {blob, name, width, height} of the chosen file
let layers = nothing(); // what can be drawn: before, after, difference, and the maps by kind
let results = {}; // JSON of each map by kind, of the result, and the scores
let mode = "wipe";
let split = 0.5;
let downloadUrl = null;

const jobs = new Jobs(byId("jobs"));
const view = new View();
const readout = new Readout(byId("value"));
const brush = new Brush(redraw);
const left = new Pane(byId("map"), view, (context, part) => paint(context, part, paintLeft));
const right = new Pane(byId("result"), view, (context, part) => paint(context, part, paintRight));
const chart = new CurveChart(byId("plot"), { onInput: aim, onChange: pursue });
const pictures = () => ({ before: layers.before, after: layers.after, centre: view.centre });
const flicker = new Flicker(pictures);
const blindTest = new BlindTest(pictures);
const observersListed = listObservers().catch(report);
const border = borderTool(() => (mode === "wipe" && layers.after !== null ? split : null), moveBorder);

function nothing() {
  return { before: null, after: null, difference: null, jnd: null, quality: null, closeness: null };
}

const wanted = () => ({
  share: byId("target").value / 100,
  observer: byId("observer").value,
  jnd: Number(document.querySelector("[name=jnd]:checked").value),
});

// ------------------------------------------------------------------------------------------------------- drawing

function redraw() {
  left.redraw();
  right.redraw();
}

function paint(context, part, draw) {
  context.fillStyle = getComputedStyle(context.canvas.parentElement).backgroundColor;
  context.fillRect(0, 0, part.width, part.height);
  if (layers.before === null) return;
  draw(context, part);
  if (!byId("protect-tools").hidden) brush.draw(context, part);
}

function paintLeft(context, part) {
  const opacity = byId("opacity").value / 100;
  paintMap(context, part, layers.before, layers[byId("layer").value] ?? null, opacity, () => left.redraw());
}

function paintRight(context, part) {
  paintResult(context, part, layers, { mode, split }, () => right.redraw());
}

function moveBorder(share) {
  split = share;
  byId("split").value = share * 100;
  right.redraw();
}

function setLayer(name, layer) {
  layers[name]?.close();
  layers[name] = layer;
  const wiping = mode === "wipe" && layers.after !== null;
  byId("tag-before").hidden = byId("tag-after").hidden = !wiping;
  redraw();
}

// ---------------------------------------------------------------------------------------------------------- work

/** A new photo: everything that is known is of the old one. */
async function choose(blob, name) {
  jobs.cancel();
  for (const key of Object.keys(layers)) layers[key]?.close();
  layers = nothing();
  results = { photoScore: null, resultScore: null, pair: null };
  photo = { blob, name };
  const current = photo;
  chart.clear();
  clearShown();
  try {
    await open(current);
    await observersListed;
    if (photo !== current) return;
    await Promise.all([predictCurve(), showMap("jnd"), encode()]);
    if (photo === current && !jobs.busy && byId("problem").hidden) byId("status").textContent = "Done.";
  } catch (error) {
    if (photo === current) report(error);
  }
}

function clearShown() {
  document.body.classList.remove("empty");
  for (const id of ["problem", "jpeg", "stand-in", "tag-before", "tag-after"]) byId(id).hidden = true;
  for (const id of ["wish", "results", "result-wait"]) byId(id).hidden = false;
  for (const id of ["photo-size", "legend-text", "protect-state"]) byId(id).textContent = "";
  for (const id of ["curve-files", "map-files", "legend-ticks"]) byId(id).replaceChildren();
  byId("layer").value = "jnd";
  byId("photo-name").textContent = photo.name;
  openProtection(false);
  showScores(results);
  redraw();
}

/** The photo's own pixels; where the browser cannot read its format, those of a JPEG that the service makes of it. */
async function open(current) {
  const made = await jobs.start("open", "Opening the photo", async (run) => {
    try {
      return await Layer.make("picture", { blob: current.blob });
    } catch {
      const parts = { quality: STAND_IN_QUALITY, subsampling: "444" };
      const result = await run("varjpeg", { image: current.blob }, parts);
      byId("stand-in").hidden = false;
      return Layer.make("picture", { blob: await getBlob(artefact(result, "photo.jpg").href) });
    }
  });
  if (made === undefined || photo !== current) {
    made?.close();
    return;
  }
  Object.assign(photo, { width: made.width, height: made.height });
  byId("photo-size").textContent = `${made.width} × ${made.height}, ${bytes(photo.blob.size)}`;
  for (const stage of document.querySelectorAll(".stage")) {
    stage.style.setProperty("--ratio", made.width / made.height);
    stage.style.setProperty("--height", `${made.height}px`);
  }
  brush.reset(made);
  setLayer("before", made);
  view.show(made);
}

async function predictCurve() {
  const { share, observer, jnd } = wanted();
  const fields = { percent: Math.round(share * 100), observer, jnd };
  await reported(jobs.start("curve", "Who would notice", async (run) => {
    const result = await run("sur-curve", { image: photo.blob }, fields);
    run.signal.throwIfAborted();
    chart.show(result);
    readChart();
    showFiles(byId("curve-files"), result, ["sur-curve.svg", "sur-curve.csv"]);
  }));
}

async function encode() {
  const { share, observer, jnd } = wanted();
  byId("result-wait").textContent = "The file is being made.";
  const made = await reported(jobs.start("encode", "Making the JPEG", async (run) => {
    const protect = byId("protect-tools").hidden ? null : await brush.file();
    const files = protect === null ? { image: photo.blob } : { image: photo.blob, protect };
    const result = await run("varjpeg", files, { target_sur: share, observer, jnd });
    const blob = await getBlob(artefact(result, "photo.jpg").href, { signal: run.signal });
    const after = await Layer.make("picture", { blob });
    if (run.signal.aborted) after.close();
    else takeResult(result, blob, after, protect !== null);
    return result;
  }));
  if (made === undefined) {
    if (!jobs.runs("encode")) byId("result-wait").textContent = "There is no file yet.";
    return;
  }
  const closeness = byId("layer").value === "closeness" ? showMap("closeness") : null;
  await Promise.all([mode === "difference" ? difference() : null, closeness, score()]);
}

function takeResult(result, blob, after, protectedParts) {
  for (const name of ["difference", "closeness"]) setLayer(name, null);
  results = { ...results, result, blob, closeness: undefined, resultScore: null, pair: null };
  setLayer("after", after);
  URL.revokeObjectURL(downloadUrl);
  downloadUrl = URL.createObjectURL(blob);
  const link = byId("download");
  link.href = downloadUrl;
  link.download = `${photo.name.replace(/\.[^.]*$/, "")}-limen.jpg`;
  showFigures(result, photo.blob);
  byId("protect-state").textContent = protectedParts ? "In this result, what you painted is closer to the photo." : "";
  byId("jpeg").hidden = false;
  byId("result-wait").hidden = true;
  showScores(results);
}

async function score() {
  await Promise.all(scoreRequests(photo, results).map(({ kind, label, capability, files }) =>
    reported(jobs.start(`score-${kind}`, label, async (run) => {
      const found = await run(capability, files);
      run.signal.throwIfAborted();
      results[kind] = found;
      showScores(results);
    }))));
}

/** Bring a map to the left picture; it is asked for when it is first looked at. */
async function showMap(kind) {
  const chosen = () => byId("layer").value === kind;
  byId("legend").hidden = kind === "none" || results[kind] === undefined;
  byId("opacity-field").hidden = kind === "none";
  redraw();
  if (kind === "none") return;
  if (results[kind] === undefined) {
    const label = byId("layer").selectedOptions[0].text;
    await reported(jobs.start(`map-${kind}`, label, (run) => fetchMap(kind, run)));
  }
  if (!chosen() || results[kind] === undefined) return;
  showLegend(kind, results[kind]);
  byId("legend").hidden = false;
}

async function fetchMap(kind, run) {
  if (kind === "closeness" && results.blob === undefined) return;
  const { capability, files, fields } = mapRequest(kind, photo, results.blob);
  const result = await run(capability, files, fields);
  const file = await getBlob(artefact(result, `${MAPS[kind].file}.png`).href, { signal: run.signal });
  const layer = await mapLayer(kind, result, file, photo);
  if (run.signal.aborted) {
    layer.close();
    return;
  }
  results[kind] = result;
  setLayer(kind, layer);
}

async function difference() {
  if (layers.after === null || layers.difference !== null) return;
  const { before, after } = layers;
  const parts = { one: before.name, other: after.name, gain: DIFFERENCE_GAIN };
  const made = await reported(jobs.start("difference", "Difference", () => Layer.make("difference", parts)));
  if (made === undefined) return;
  if (layers.after === after && layers.difference === null) setLayer("difference", made);
  else made.close();
}

async function reported(work) {
  try {
    return await work;
  } catch (error) {
    report(error);
    return undefined;
  }
}

function report(error) {
  showProblem(byId("problem"), error);
  byId("status").textContent = "";
  if (layers.before === null) byId("results").hidden = true;
}

// ------------------------------------------------------------------------------------------------------- wishes

/** Show a target share everywhere while it is being chosen. */
function aim(share) {
  byId("target").value = Math.round(share * 100);
  byId("target-value").textContent = percent(share, 0);
  readChart();
}

function readChart() {
  const { share } = wanted();
  chart.share = share;
  if (chart.result !== undefined) byId("curve-caption").textContent = describe(readCurve(chart.result, share), share);
}

/** The target has been chosen: make the file for it. */
function pursue() {
  if (photo === null) return;
  byId("problem").hidden = true;
  predictCurve();
  encode();
}

function openProtection(painting) {
  byId("protect-tools").hidden = !painting;
  byId("protect").setAttribute("aria-expanded", painting);
  document.querySelector(".viewer").classList.toggle("painting", painting);
  left.tool = painting ? brush : null;
  right.tool = painting ? brush : border;
  redraw();
}

const on = (id, name, act) => byId(id).addEventListener(name, act);
for (const pane of [left, right]) {
  pane.hover = (point) => {
    const kind = byId("layer").value;
    readout.show(point, layers.before, layers[kind] ?? null, MAPS[kind]?.unit);
  };
}
right.tool = border;
view.addEventListener("change", () => { byId("zoom").textContent = percent(view.scale, 0); });
jobs.addEventListener("change", () => {
  if (jobs.busy) byId("status").textContent = "Working…";
  else if (photo !== null && byId("problem").hidden) byId("status").textContent = "Done.";
});
on("zoom-fit", "click", () => view.fit());
for (const times of [1, 2]) on(`zoom-${times}00`, "click", () => view.zoom(times));
on("zoom-in", "click", () => view.zoom(view.scale * 1.5));
on("zoom-out", "click", () => view.zoom(view.scale / 1.5));
on("layer", "change", () => showMap(byId("layer").value));
on("opacity", "input", () => left.redraw());
on("split", "input", () => moveBorder(byId("split").value / 100));
on("mode", "change", (event) => {
  mode = event.target.value;
  byId("split-field").hidden = mode !== "wipe";
  byId("mode-text").hidden = mode !== "difference";
  setLayer("difference", layers.difference);
  if (mode === "difference") difference();
});
on("target", "input", () => aim(byId("target").value / 100));
on("target", "change", pursue);
on("observer", "change", () => {
  chart.clear();
  pursue();
});
on("jnd", "change", () => {
  chart.choose(wanted().jnd);
  readChart();
  pursue();
});
on("protect", "click", () => openProtection(byId("protect-tools").hidden));
on("brush-size", "input", () => { brush.size = Number(byId("brush-size").value); });
on("brush-clear", "click", () => brush.clear());
on("rect-add", "click", () => brush.typedRectangle(false));
on("rect-remove", "click", () => brush.typedRectangle(true));
on("protect-encode", "click", pursue);
on("open-flicker", "click", () => flicker.open());
on("open-blind", "click", () => blindTest.open());
on("form", "submit", (event) => event.preventDefault());
for (const choice of document.querySelectorAll("[name=brush]")) {
  choice.addEventListener("change", () => { brush.erasing = choice.value === "erase" && choice.checked; });
}
window.addEventListener("pagehide", () => jobs.cancel());
takePhotos(choose, report);
