// The bisection of MCL-JCI: reference and distorted photo side by side; each answer halves the levels that are left.

import { byId } from "../js/elements.js";
import { Images, canvasFor, resize } from "./images.js";
import { shownScale } from "./seeing.js";

const NOTHING_SEEN = 101;
const BLANK_MS = 400;
/** Below this width of the window the photos are one above the other. */
const SIDE_BY_SIDE_FROM = 700;

export class Bisection {
  #listening = new AbortController();

  static question = () => "Do you see a difference?";

  static how = (ordinal) =>
    ordinal === null
      ? "One of these is the photo, the other a compressed version of it, or the photo again. Take your time."
      : `One of these is the version at your last answer, the other more compressed: this is about your ${ordinal} just noticeable difference.`;

  constructor(trial, answer, fail) {
    Object.assign(this, { trial, answer, fail, images: new Images(trial) });
    this.unnoticed = trial.lowest_level - 1;
    this.noticed = NOTHING_SEEN;
    this.scale = shownScale(trial, this.#room());
    this.canvases = ["left", "right"].map((side) => canvasFor(trial, this.scale, `Photo on the ${side}`));
  }

  async begin() {
    byId("stage").replaceChildren(...this.canvases);
    byId("adjustment").hidden = true;
    byId("bisection").hidden = false;
    const on = (id, then) => byId(id).addEventListener("click", then, { signal: this.#listening.signal });
    on("different", () => this.#judged(true));
    on("same", () => this.#judged(false));
    byId("question").focus();
    await this.#compare();
  }

  fit() {
    this.scale = shownScale(this.trial, this.#room());
    for (const canvas of this.canvases) resize(canvas, this.scale);
  }

  end() {
    this.#listening.abort();
    this.images.close();
  }

  get level() {
    return Math.floor((this.unnoticed + this.noticed) / 2);
  }

  #room() {
    const width = document.body.clientWidth - 40;
    const height = Math.max(140, window.innerHeight * 0.6);
    return window.innerWidth >= SIDE_BY_SIDE_FROM ? { width: width / 2, height } : { width, height: height / 2 };
  }

  /** Shows the pair in the middle, sides by chance, after a blank: a change in place would be seen as motion. */
  async #compare() {
    this.#allow(false);
    const stage = byId("stage");
    stage.classList.add("blank");
    try {
      const blank = new Promise((resolve) => setTimeout(resolve, BLANK_MS));
      const pair = await Promise.all([this.images.level(this.trial.lowest_level - 1), this.images.level(this.level), blank]);
      if (this.#listening.signal.aborted) return;
      const first = crypto.getRandomValues(new Uint8Array(1))[0] % 2;
      this.canvases.forEach((canvas, side) => canvas.getContext("2d").drawImage(pair[(side + first) % 2], 0, 0));
      stage.dataset.level = this.level;
      stage.classList.remove("blank");
      this.#allow(true);
    } catch (error) {
      if (!this.#listening.signal.aborted) this.fail(error, () => this.#compare());
    }
  }

  async #judged(different) {
    if (byId("different").getAttribute("aria-disabled") === "true") return;
    const before = [this.unnoticed, this.noticed];
    if (different) this.noticed = this.level;
    else this.unnoticed = this.level;
    if (this.noticed - this.unnoticed > 1) {
      await this.#compare();
      return;
    }
    this.#allow(false);
    try {
      await this.answer(this.noticed, this.scale);
    } catch (error) {
      if (this.#listening.signal.aborted) return;
      [this.unnoticed, this.noticed] = before;
      this.#allow(true);
      this.fail(error);
    }
  }

  /** Not `disabled`: that would take the focus away between two comparisons. */
  #allow(allowed) {
    for (const id of ["different", "same"]) byId(id).setAttribute("aria-disabled", String(!allowed));
  }
}
