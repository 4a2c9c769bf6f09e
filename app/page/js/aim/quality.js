// Another quality than the promise needs: its size and share at once, by the curve; the file itself follows.

import { byId } from "../elements.js";
import { bytes, percent } from "../format.js";
import { lowestQuality } from "./curve.js";

const PAUSE_MS = 350; // without a move, before the file is asked for

/**
 * About how many bytes and what share another quality has: the plain JPEG's by `curve`, moved so that it meets the file
 * that was `promised`.
 */
export function foretold(curve, { result, blob }, quality) {
  const at = (values, of) => values[100 - Math.max(1, Math.min(100, Math.round(of)))];
  const shift = result.sur === null ? 0 : lowestQuality(curve.sur, result.sur) - result.quality;
  const ratio = blob.size / at(curve.predicted_bytes, result.quality + shift);
  return { size: Math.round(at(curve.predicted_bytes, quality + shift) * ratio), share: at(curve.sur, quality + shift) };
}

/** The slider. `onChoose(quality)` hears of a quality when the slider rests, `onBack()` that the promise counts again. */
export class QualityChoice {
  #timer = 0;

  constructor({ curve, onChoose, onBack }) {
    Object.assign(this, { curve, onChoose });
    byId("quality").addEventListener("input", () => this.#moved());
    byId("promised").addEventListener("click", () => {
      clearTimeout(this.#timer);
      onBack();
    });
  }

  /** Stand where the photo's JPEG is; without a curve or a JPEG there is nothing to choose. */
  show(photo) {
    clearTimeout(this.#timer);
    this.photo = photo;
    const { made = null, promised = null } = photo ?? {};
    byId("quality").disabled = made === null || photo.blob === null || this.curve() === undefined;
    byId("promised").hidden = made === promised;
    if (made === null) {
      byId("quality-value").textContent = "";
      byId("quality-text").textContent = "";
      return;
    }
    byId("quality").value = made.result.quality;
    this.#say(made.result.quality, made === promised ? "This is the file that keeps the promise." : "This file is exact.");
  }

  #moved() {
    const quality = Number(byId("quality").value);
    const { size, share } = foretold(this.curve(), this.photo.promised, quality);
    this.#say(quality, `About ${bytes(size)}, and about ${percent(share, 0)} see no difference. The file follows.`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.onChoose(quality), PAUSE_MS);
  }

  #say(quality, text) {
    byId("quality-value").textContent = `${Math.round(quality)}`;
    byId("quality-text").textContent = text;
  }
}
