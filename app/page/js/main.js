// The page at "/": puts the parts together, and decides which work follows from which wish.

import { higherShare, showShare, wanted } from "./aim/aim.js";
import { CurveChart, describe, readCurve } from "./aim/curve.js";
import { listObservers } from "./aim/observers.js";
import { QualityChoice } from "./aim/quality.js";
import { BlindTest } from "./compare/blind_test.js";
import { Comparison } from "./compare/comparison.js";
import { Flicker } from "./compare/flicker.js";
import { listenToKeys } from "./compare/keys.js";
import { byId } from "./elements.js";
import { Jobs } from "./jobs.js";
import { expectedSize, letFileBeDragged } from "./outcome.js";
import { takePhotos } from "./photos/intake.js";
import { linkedPhoto, Photo } from "./photos/photo.js";
import { showProof } from "./photos/proof.js";
import { Shelf } from "./photos/shelf.js";
import { Work } from "./work.js";

const jobs = new Jobs(byId("jobs"));
const shelf = new Shelf((photo) => work.show(photo));
const comparison = new Comparison(() => work.difference());
const chart = new CurveChart(byId("plot"), { onInput: aim, onChange: pursue });
const ready = listObservers().then(() => aim(wanted().share), (error) => work.report(error));
const quality = new QualityChoice({
  curve: () => chart.result,
  onChoose: (chosen) => work.tryQuality(chosen),
  onBack: () => work.keepPromise(),
});
const work = new Work({ jobs, shelf, comparison, chart, quality, ready });
const pictures = () => comparison.pictures();
const flicker = new Flicker(pictures);
const blindTest = new BlindTest(pictures, higherShare, (share) => {
  aim(share);
  pursue();
});
work.onCurve = readChart;

/** Show a target share everywhere while it is being chosen. */
function aim(share) {
  showShare(share);
  readChart();
}

function readChart() {
  const { share } = wanted();
  chart.share = share;
  byId("target-size").textContent = expectedSize(shelf.current, chart.result, share);
  if (chart.result !== undefined) byId("curve-caption").textContent = describe(readCurve(chart.result, share), share);
}

/** The wish has been chosen: make the file for it. */
function pursue() {
  work.pursue();
}

const on = (id, name, act) => byId(id).addEventListener(name, act);
on("target", "input", () => aim(byId("target").value / 100));
on("target", "change", pursue);
for (const id of ["observer", "viewing"]) {
  on(id, "change", () => {
    chart.clear();
    aim(wanted().share);
    pursue();
  });
}
on("jnd", "change", () => {
  chart.choose(wanted().jnd);
  aim(wanted().share);
  pursue();
});
on("layer", "change", () => work.showMap(byId("layer").value));
on("against", "change", () => work.rival());
on("protect-encode", "click", pursue);
on("open-flicker", "click", () => flicker.open());
on("open-blind", "click", () => blindTest.open());
listenToKeys(comparison, (by) => shelf.step(by));
window.addEventListener("pagehide", () => jobs.cancel());
window.addEventListener("pageshow", ({ persisted }) => persisted && shelf.current !== null && work.show(shelf.current));
showProof();
letFileBeDragged();
takePhotos((photos) => shelf.add(photos.map(({ blob, name }) => new Photo(blob, name))), (error) => work.report(error));
linkedPhoto().then((photo) => photo !== null && shelf.add([photo]), (error) => work.report(error));
