// Method of adjustment with flicker: reference and distorted photo by turns in one place, the level under a slider.

import { RATE_HZ } from "../js/compare/flicker.js";
import { byId } from "../js/elements.js";
import { Images, canvasFor, resize } from "./images.js";
import { shownScale } from "./seeing.js";

const HIGHEST_LEVEL = 100;
const NOTHING_SEEN = 101;

export class Adjustment {
  #frame = 0;
  #pair = null; // bitmaps of the reference and of the level that is shown
  #asked = 0; // how many levels have been asked for: the last one counts
  #answering = false;
  #paused = false;
  #listening = new AbortController();

  static question = (beyond) => (beyond ? "Where does it flicker again?" : "Where does it begin to flicker?");

  static how = (ordinal) =>
    ordinal === null
      ? "Move the slider, with the mouse or the arrow keys, to the lowest point at which you still see the photo flicker."
      : `The photo now alternates with the version at your last answer. Find the lowest point where you see it flicker: your ${ordinal} just noticeable difference.`;

  constructor(trial, answer, fail) {
    Object.assign(this, { trial, answer, fail, images: new Images(trial) });
    this.scale = shownScale(trial, this.#room());
    this.canvas = canvasFor(trial, this.scale, "The photo, alternating with a version of it");
  }

  async begin() {
    const { trial } = this;
    const slider = byId("level");
    byId("stage").replaceChildren(this.canvas);
    byId("adjustment").hidden = false;
    byId("bisection").hidden = true;
    Object.assign(slider, { min: trial.lowest_level, max: HIGHEST_LEVEL, value: trial.start_level });
    const on = (id, kind, then) => byId(id).addEventListener(kind, then, { signal: this.#listening.signal });
    on("level", "input", () => {
      byId("problem").hidden = true;
      this.#moved(Number(slider.value));
    });
    on("here", "click", () => this.#done(Number(slider.value)));
    on("nowhere", "click", () => this.#done(NOTHING_SEEN));
    on("pause", "click", () => this.#pause(!this.#paused));
    byId("here").disabled = true; // until the slider has been moved: where it starts is chance
    byId("nowhere").disabled = true; // until the strongest distortion has been looked at
    this.#pause(false);
    slider.focus();
    await this.#show(trial.start_level);
    if (trial.lowest_level === HIGHEST_LEVEL) await this.#moved(HIGHEST_LEVEL); // one level: there is nowhere to move
  }

  fit() {
    this.scale = shownScale(this.trial, this.#room());
    resize(this.canvas, this.scale);
  }

  end() {
    cancelAnimationFrame(this.#frame);
    this.#listening.abort();
    this.images.close();
  }

  #room() {
    return { width: document.body.clientWidth - 32, height: Math.max(160, window.innerHeight * 0.62) };
  }

  async #moved(level) {
    byId("here").disabled = true;
    if (!(await this.#show(level, () => this.#moved(level))) || this.#answering) return;
    byId("here").disabled = false;
    if (level < HIGHEST_LEVEL) this.images.level(level + 1).catch(() => {});
    if (level > this.trial.lowest_level) this.images.level(level - 1).catch(() => {});
  }

  /** Loads a level and shows it from the next turn on. False if it failed or another was asked for meanwhile. */
  async #show(level, again = () => this.#show(level)) {
    this.#asked += 1;
    const [asked, reference] = [this.#asked, this.trial.lowest_level - 1];
    const gone = () => asked !== this.#asked || this.#listening.signal.aborted;
    try {
      const pair = await Promise.all([this.images.level(reference), this.images.level(level)]);
      if (gone()) return false;
      this.images.onDisplay = [reference, level];
      this.#pair = pair;
    } catch (error) {
      if (!gone()) this.fail(error, again);
      return false;
    }
    this.canvas.dataset.level = level;
    if (level === HIGHEST_LEVEL) byId("nowhere").disabled = this.#answering;
    if (this.#frame === 0) this.#flicker();
    return true;
  }

  #flicker() {
    const context = this.canvas.getContext("2d");
    const began = performance.now();
    let shown = null;
    const step = (now) => {
      this.#frame = requestAnimationFrame(step);
      const turn = this.#paused ? 0 : Math.max(0, Math.floor(((now - began) * RATE_HZ) / 1000)) % 2;
      const wanted = this.#pair[turn];
      if (wanted !== shown) context.drawImage(wanted, 0, 0);
      shown = wanted;
    };
    this.#frame = requestAnimationFrame(step);
  }

  #pause(paused) {
    this.#paused = paused;
    byId("pause").setAttribute("aria-pressed", String(paused));
  }

  async #done(level) {
    if (this.#answering) return;
    this.#answering = true;
    for (const id of ["here", "nowhere"]) byId(id).disabled = true;
    try {
      await this.answer(level, this.scale);
    } catch (error) {
      if (this.#listening.signal.aborted) return;
      this.#answering = false;
      this.fail(error);
      byId("nowhere").disabled = level !== NOTHING_SEEN;
      await this.#moved(Number(byId("level").value));
    }
  }
}
