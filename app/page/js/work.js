// The work on photos: for the one that is looked at its JPEG first and alone, then curve, scores and maps; then the others.

import { artefact, getBlob } from "./api.js";
import { showDrawing, wanted } from "./aim/aim.js";
import { plainBytes } from "./aim/curve.js";
import { explainRival, fetchRival, rivalFields } from "./compare/rival.js";
import { byId, showProblem } from "./elements.js";
import { bytes } from "./format.js";
import { Making } from "./making.js";
import { MAPS, mapLayer, mapRequest, showFiles, showLegend } from "./maps.js";
import { clearShown, costOfProtection, explain, offerFile, showFigures } from "./outcome.js";
import { linkTo } from "./photos/photo.js";
import { Layer } from "./pixels.js";
import { scoreRequests, showScores } from "./scores.js";

const DIFFERENCE_GAIN = 8;
const STAND_IN_QUALITY = 100;

export class Work {
  results = {}; // of the photo that is looked at: JSON of each map by kind, and the scores
  #turn = 0; // goes up when what is going on is no longer wanted
  #flows = 0;

  /** `ready`: a promise to wait for before the first job. */
  constructor({ jobs, shelf, comparison, chart, quality, ready }) {
    Object.assign(this, { jobs, shelf, comparison, chart, quality, ready });
    this.making = new Making({ jobs, shelf, brush: comparison.brush });
    jobs.addEventListener("change", () => this.#tell());
  }

  /** Look at a photo: all that is shown is of another one. */
  async show(photo) {
    this.#restart();
    this.results = { photoScore: null, resultScore: null, pair: null };
    this.comparison.clear();
    this.chart.clear();
    clearShown(photo);
    this.quality.show(photo);
    showScores(this.results);
    await this.#flow(async (still) => {
      const opening = photo.blob === null ? true : this.#open(photo);
      await this.ready;
      if (photo.state !== "done" && still()) await this.making.encode(photo, "encode");
      if (still() && photo.state === "done") await this.#present(photo);
      if (!(await opening) && still() && photo.state === "done") await this.#standIn(photo);
      if (still()) await this.#follow(photo);
    });
  }

  /** Make everything anew for another wish. */
  async pursue() {
    const photo = this.shelf.current;
    if (photo === null || photo.blob === null) return;
    this.#restart();
    this.quality.show(photo);
    this.shelf.renew();
    byId("problem").hidden = true;
    await this.#flow(async (still) => {
      await this.making.encode(photo, "encode");
      if (!still()) return;
      if (photo.state === "done") await this.#present(photo);
      await this.#follow(photo);
    });
  }

  /** Make the file of another quality than the promise needs, and look at that; the promised one is kept. */
  async tryQuality(quality) {
    const photo = this.shelf.current;
    const { observer, jnd, screen } = wanted();
    const label = `The JPEG of quality ${quality}`;
    const made = await this.#reported(this.jobs.start("quality", label, async (run) => {
      const fields = { quality, observer, jnd, pixels_per_degree: screen };
      const { result, blob, protects } = await this.making.made(photo, fields, run);
      photo.tryOn(result, blob, { protects });
      return photo;
    }));
    if (made === this.shelf.current && made !== undefined) await this.#look(photo);
    else if (made === undefined && !this.jobs.runs("quality") && this.shelf.current === photo) this.quality.show(photo);
  }

  /** The promised file again. */
  async keepPromise() {
    const photo = this.shelf.current;
    this.jobs.cancel("quality");
    if (photo.made === photo.promised) {
      this.quality.show(photo);
      return;
    }
    photo.keepPromise();
    await this.#look(photo);
  }

  /** Show the photo's JPEG, which has just become another one, and what is said of it. */
  async #look(photo) {
    await this.#present(photo);
    await this.#judge(photo);
  }

  /** Bring a map over the photo; it is asked for when it is first looked at. */
  async showMap(kind) {
    const photo = this.shelf.current;
    this.comparison.map = kind;
    byId("legend").hidden = kind === "none" || this.results[kind] === undefined;
    byId("opacity-field").hidden = kind === "none";
    this.comparison.redraw();
    if (kind === "none") return;
    if (this.results[kind] === undefined) {
      const label = byId("layer").selectedOptions[0].text;
      await this.#reported(this.jobs.start(`map-${kind}`, `Layer: ${label}`, (run) => this.#fetchMap(kind, photo, run)));
    }
    if (this.comparison.map !== kind || this.results[kind] === undefined) return;
    showLegend(kind, this.results[kind]);
    byId("legend").hidden = false;
  }

  /** In the photo's place, what other encoders make of as many bytes, or a plain JPEG of as high a share. */
  async rival() {
    const { before, after } = this.comparison.layers;
    const [photo, kind, curve] = [this.shelf.current, byId("against").value, this.chart.result];
    this.comparison.set("rival", null);
    explainRival(kind, null, photo, curve);
    if (kind === "photo" || before === null || after === null) return;
    const share = this.#share(photo);
    const fields = rivalFields(kind, { curve, share, size: photo.made.blob.size });
    if (fields === null) return;
    const label = byId("against").selectedOptions[0].text;
    const made = await this.#reported(this.jobs.start("rival", label, (run) => fetchRival(photo, fields, run)));
    if (made === undefined) return;
    if (this.comparison.layers.after === after && byId("against").value === kind) {
      this.comparison.set("rival", made);
      explainRival(kind, made.facts, photo, curve);
      if (kind === "share" && !photo.made.protects) this.#weighed(photo, made.facts.bytes);
    } else made.close();
  }

  /** What share of viewers the JPEG in view promises. */
  #share({ made, promised }) {
    return made === promised ? wanted().share : made.result.sur ?? wanted().share;
  }

  /** How large a plain JPEG of the same promise is, as far as that is known. */
  #weigh(photo) {
    const curve = this.chart.result;
    photo.plain = photo.made.protects || curve === undefined ? null : plainBytes(curve, this.#share(photo));
  }

  /** The plain JPEG of the same promise has been made, so its size is known exactly. */
  #weighed(photo, size) {
    photo.plain = size;
    showFigures(photo, size);
  }

  async difference() {
    const { before, after, difference } = this.comparison.layers;
    if (before === null || after === null || difference !== null) return;
    const parts = { one: before.name, other: after.name, gain: DIFFERENCE_GAIN };
    const made = await this.#reported(this.jobs.start("difference", "Difference", () => Layer.make("difference", parts)));
    if (made === undefined) return;
    if (this.comparison.layers.after === after && this.comparison.layers.difference === null) this.comparison.set("difference", made);
    else made.close();
  }

  report(error) {
    showProblem(byId("problem"), error);
  }

  #restart() {
    this.#turn += 1;
    this.jobs.cancel();
  }

  /** Do `steps(wanted)`, then the work on the other photos, unless something else is wanted in the meantime. */
  async #flow(steps) {
    const turn = this.#turn;
    const still = () => this.#turn === turn;
    this.#flows += 1;
    this.#tell();
    try {
      await steps(still);
    } catch (error) {
      if (still()) this.report(error);
    }
    const missed = still() ? await this.making.others(still) : null;
    if (still() && missed !== null) this.report(missed);
    this.#flows -= 1;
    this.#tell();
  }

  #tell() {
    if (this.shelf.current === null) return;
    const busy = this.#flows > 0 || this.jobs.busy;
    byId("status").textContent = busy ? "Working…" : byId("problem").hidden ? "Done." : "";
  }

  /** The photo's own pixels; false where the browser cannot read its format. */
  async #open(photo) {
    const turn = this.#turn;
    try {
      const layer = await Layer.make("picture", { blob: photo.blob });
      if (this.#turn === turn) this.#showPhoto(photo, layer);
      else layer.close();
      return true;
    } catch {
      return false;
    }
  }

  /** In place of pixels that the browser cannot read, those of a JPEG that the service makes of them. */
  async #standIn(photo) {
    await this.jobs.start("open", "Opening the photo", async (run) => {
      const result = await run("varjpeg", { image: photo.blob }, { quality: STAND_IN_QUALITY, subsampling: "444" });
      const layer = await Layer.make("picture", { blob: await getBlob(artefact(result, "photo.jpg").href) });
      if (run.signal.aborted) {
        layer.close();
        return;
      }
      byId("stand-in").hidden = false;
      this.#showPhoto(photo, layer);
    });
  }

  #showPhoto(photo, layer) {
    photo.size = { width: layer.width, height: layer.height };
    byId("photo-size").textContent = `${layer.width} × ${layer.height}, ${bytes(photo.blob.size)}`;
    this.comparison.set("before", layer);
    this.#allowEyes();
  }

  #allowEyes() {
    const { before, after } = this.comparison.layers;
    for (const id of ["open-blind", "open-flicker"]) byId(id).disabled = before === null || after === null;
  }

  /** Show the JPEG that was made: its figures at once, its picture when it is decoded. */
  async #present(photo) {
    const decoding = Layer.make("picture", { blob: photo.made.blob });
    if (photo.blob !== null) this.#weigh(photo);
    showFigures(photo, photo.blob === null ? null : photo.plain ?? (this.chart.result === undefined ? "waiting" : null));
    this.quality.show(photo);
    offerFile(photo);
    for (const id of ["figures", "download"]) byId(id).hidden = false;
    byId("result-wait").hidden = true;
    history.replaceState(null, "", location.pathname + linkTo(photo));
    explain(photo);
    showDrawing(photo.made.result, photo);
    byId("protect-state").textContent = costOfProtection(photo);
    const after = await decoding;
    if (this.shelf.current !== photo) {
      after.close();
      return;
    }
    for (const name of ["difference", "closeness", "rival"]) this.comparison.set(name, null);
    Object.assign(this.results, { closeness: undefined, resultScore: null, pair: null });
    showScores(this.results);
    this.comparison.set("after", after);
    this.#allowEyes();
  }

  /** What can be known once the JPEG is there. */
  async #follow(photo) {
    if (photo.blob === null) return;
    const work = [this.#curve(photo)];
    if (photo.state === "done") work.push(this.#judge(photo));
    if (this.comparison.map !== "none") work.push(this.showMap(this.comparison.map));
    await Promise.all(work);
  }

  async #judge(photo) {
    const work = [this.#score(photo), this.rival()];
    if (this.comparison.mode === "difference") work.push(this.difference());
    if (this.comparison.map === "closeness") work.push(this.showMap("closeness"));
    await Promise.all(work);
  }

  async #curve(photo) {
    const { share, observer, jnd, screen } = wanted();
    const fields = { percent: Math.round(share * 100), observer, jnd, pixels_per_degree: screen };
    await this.#reported(this.jobs.start("curve", "Who would notice", async (run) => {
      const result = await run("sur-curve", { image: photo.blob }, fields);
      run.signal.throwIfAborted();
      this.chart.show(result);
      if (photo.state === "done") this.#weigh(photo);
      this.onCurve();
      showFiles(byId("curve-files"), result, ["sur-curve.svg", "sur-curve.csv"]);
    }));
    if (this.shelf.current !== photo || photo.state !== "done") return;
    showFigures(photo, photo.plain);
    this.quality.show(photo);
    if (byId("against").value === "share") await this.rival();
  }

  async #score(photo) {
    await Promise.all(scoreRequests(photo, { ...this.results, blob: photo.made.blob }).map(({ kind, label, capability, files, fields }) =>
      this.#reported(this.jobs.start(`score-${kind}`, label, async (run) => {
        const found = await run(capability, files, fields);
        run.signal.throwIfAborted();
        this.results[kind] = found;
        showScores(this.results);
      }))));
  }

  async #fetchMap(kind, photo, run) {
    if (kind === "closeness" && photo.made === null) return;
    const of = { ...photo.size, blob: photo.blob };
    const { capability, files, fields } = mapRequest(kind, of, photo.made?.blob);
    const result = await run(capability, files, fields);
    const file = await getBlob(artefact(result, `${MAPS[kind].file}.png`).href, { signal: run.signal });
    const layer = await mapLayer(kind, result, file, of);
    if (run.signal.aborted) {
      layer.close();
      return;
    }
    this.results[kind] = result;
    this.comparison.set(kind, layer);
  }

  async #reported(work) {
    try {
      return await work;
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }
}
