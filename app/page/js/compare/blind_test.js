// Two-alternative forced choice: which of A and B is the JPEG? The photo stands between them for comparison.
//
// Everything that could help other than the picture is left to fair chance: on which side the JPEG stands in each
// trial, which parts of the photo are asked for, and in which order.

import { below, chanceOf, coin, shuffled, TRIALS, verdict } from "./chance.js";
import { byId, element } from "../elements.js";
import { percent } from "../format.js";
import { deviation } from "../pixels.js";

const TRIES = 60; // places looked at to find TRIALS where the files differ at all
const NARROW = 720; // CSS pixels, as in look.css, where the three pictures stand below each other
const LEFT = ["ArrowLeft", "a", "A"];
const RIGHT = ["ArrowRight", "b", "B"];

/** Places for the trials, in random order: [{x, y, width, height}], or [] where the files do not differ. */
export async function places(before, after, size, centre = null) {
  const [width, height] = [Math.min(size.width, before.width), Math.min(size.height, before.height)];
  const found = [];
  for (let tried = 0; tried < TRIES && found.length < TRIALS; tried += 1) {
    const place = { ...cornerOf(before, width, height, centre), width, height };
    if ((await deviation(before, after, place)) > 0) found.push(place);
    const fixed = centre !== null || (width === before.width && height === before.height);
    if (fixed) return Array(found.length * TRIALS).fill(place);
  }
  if (found.length === 0) return [];
  return shuffled(Array.from({ length: TRIALS }, (_, at) => found[at % found.length]));
}

function cornerOf(photo, width, height, centre) {
  if (centre === null) return { x: below(photo.width - width + 1), y: below(photo.height - height + 1) };
  const within = (middle, seen, whole) => Math.round(Math.max(0, Math.min(whole - seen, middle - seen / 2)));
  return { x: within(centre.x, width, photo.width), y: within(centre.y, height, photo.height) };
}

/**
 * The dialog of the test. `pictures()` gives {before, after, centre}: two layers, and the middle of the view. To who can
 * tell, `higher()` says which share of viewers to aim for next, or null, and `onAim(share)` takes it.
 */
export class BlindTest {
  #trials = [];
  #at = 0;
  #right = 0;
  #ready = false;
  #held = []; // the layers of the test, kept until its end

  constructor(pictures, higher, onAim) {
    Object.assign(this, { pictures, higher, onAim });
    this.dialog = byId("blind");
    byId("blind-start").addEventListener("click", () => this.#begin());
    byId("blind-again").addEventListener("click", () => this.#part("intro"));
    byId("blind-aim").addEventListener("click", () => {
      this.dialog.close();
      this.onAim(this.higher());
    });
    byId("answer-a").addEventListener("click", () => this.#answer("a"));
    byId("answer-b").addEventListener("click", () => this.#answer("b"));
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => this.#leave());
  }

  open() {
    this.#part("intro");
    this.dialog.showModal();
  }

  async #begin() {
    this.#leave();
    const { before, after, centre } = this.pictures();
    const held = [before, after];
    this.#held = held;
    for (const layer of held) layer.hold();
    try {
      await this.#choose(before, after, centre);
    } catch (error) {
      if (this.#held === held) this.#failed(error);
    }
  }

  #leave() {
    this.#ready = false;
    for (const layer of this.#held) layer.release();
    this.#held = [];
  }

  async #choose(before, after, centre) {
    const held = this.#held;
    this.#part("trial");
    byId("blind-count").textContent = "Choosing places…";
    const whole = byId("blind-anywhere").checked;
    const found = await places(before, after, roomFor(before), whole ? null : centre);
    if (this.#held !== held) return; // the dialog was closed
    this.#trials = found.map((place) => ({ place, result: coin() === 0 ? "a" : "b" }));
    this.#at = this.#right = 0;
    if (this.#trials.length === 0) this.#same();
    else await this.#show();
  }

  async #show() {
    const held = this.#held;
    const [before, after] = held;
    const { place, result } = this.#trials[this.#at];
    const crop = (layer) => layer.crop(place.x, place.y, place.width, place.height);
    const [original, again, changed] = await Promise.all([crop(before), crop(before), crop(after)]);
    if (this.#held !== held) return;
    draw("reference", original, place);
    draw("choice-a", result === "a" ? changed : again, place);
    draw("choice-b", result === "a" ? again : changed, place);
    byId("blind-count").textContent = `Trial ${this.#at + 1} of ${TRIALS}`;
    byId("blind-progress").value = this.#at;
    this.#ready = true;
  }

  #key(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !this.#ready) return;
    const choice = LEFT.includes(event.key) ? "a" : RIGHT.includes(event.key) ? "b" : null;
    if (choice === null) return;
    event.preventDefault();
    this.#answer(choice);
  }

  async #answer(choice) {
    if (!this.#ready) return;
    this.#ready = false;
    if (this.#trials[this.#at].result === choice) this.#right += 1;
    this.#at += 1;
    if (this.#at < TRIALS) await this.#show().catch((error) => this.dialog.open && this.#failed(error));
    else this.#end();
  }

  #end() {
    const { canTell, title, text } = verdict(this.#right);
    byId("blind-title").textContent = title;
    byId("blind-text").textContent = text;
    byId("blind-verdict-box").className = canTell ? "warning" : "good";
    byId("blind-chances").replaceChildren(...chances(this.#right));
    const next = canTell ? this.higher() : null;
    byId("blind-aim").hidden = next === null;
    byId("blind-aim").textContent = next === null ? "" : `You saw it: try ${percent(next, 0)}`;
    this.#part("verdict");
  }

  #same() {
    this.#none("Nothing to tell", "The JPEG has the very same pixels as the photo there.", "good");
  }

  #failed(error) {
    this.#leave();
    this.#none("Something went wrong", error.message, "warning");
  }

  /** The end of a test without a verdict. */
  #none(title, text, kind) {
    byId("blind-title").textContent = title;
    byId("blind-text").textContent = text;
    byId("blind-aim").hidden = true;
    byId("blind-verdict-box").className = kind;
    byId("blind-chances").replaceChildren();
    this.#part("verdict");
  }

  /** Show one of the dialog's three parts and put the focus where its work is done. */
  #part(name) {
    for (const each of ["intro", "trial", "verdict"]) byId(`blind-${each}`).hidden = each !== name;
    const first = { intro: "blind-start", trial: "blind-trial", verdict: "blind-again" }[name];
    if (this.dialog.open) byId(first).focus();
  }
}

/** Pixels of the photo that one of the three pictures may show: a third of the dialog, or all its width on a phone. */
function roomFor(photo) {
  const room = byId("choice-a").parentElement;
  const share = window.innerWidth < NARROW ? 0.16 : 0.55; // of the window, so that all three and the answers fit
  const height = Math.round(Math.max(90, window.innerHeight * share) * devicePixelRatio);
  const width = Math.floor(room.clientWidth * devicePixelRatio);
  return { width: Math.min(width, photo.width), height: Math.min(height, photo.height) };
}

/** Show a bitmap pixel for pixel. */
function draw(id, bitmap, { x, y, width, height }) {
  const canvas = byId(id);
  Object.assign(canvas, { width, height });
  Object.assign(canvas.dataset, { x, y });
  canvas.style.width = `${width / devicePixelRatio}px`;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

/** A row of bars: how often guessing gets each number right, with the one that was reached marked. */
function chances(right) {
  return Array.from({ length: TRIALS + 1 }, (_, hits) => {
    const share = chanceOf(hits) - (hits < TRIALS ? chanceOf(hits + 1) : 0);
    const bar = element("span", { class: hits === right ? "reached" : "" });
    bar.style.setProperty("--share", share / chanceShareMost());
    return bar;
  });
}

function chanceShareMost() {
  return chanceOf(TRIALS / 2) - chanceOf(TRIALS / 2 + 1);
}
