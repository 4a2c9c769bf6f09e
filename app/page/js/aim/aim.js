// What to aim for: the share of viewers, who they are, and what a share means, in one picture.

import { byId, element } from "../elements.js";
import { percent } from "../format.js";
import { peopleWho } from "./observers.js";

const PEOPLE = 20;
const SHOULD_SEE_IT = 0.95; // what to try first for someone who has told the JPEG from the photo
const MOST = 0.99;
const NOTICED = ["a difference", "a clear difference", "a strong difference"];

/** What the controls ask for. */
export function wanted() {
  return {
    share: byId("target").value / 100,
    observer: byId("observer").value,
    jnd: Number(document.querySelector("[name=jnd]:checked").value),
    screen: byId("viewing").value || null,
  };
}

/** The share to aim for after someone could tell; null where no higher one can be asked for. */
export function higherShare() {
  const { share } = wanted();
  if (share < SHOULD_SEE_IT) return SHOULD_SEE_IT;
  return share < MOST ? MOST : null;
}

/** Show a share: as a number, and as so many of twenty people. */
export function showShare(share) {
  const { observer, jnd } = wanted();
  byId("target").value = Math.round(share * 100);
  byId("target-value").textContent = percent(share, 0);
  const blind = Math.round(share * PEOPLE);
  byId("crowd").replaceChildren(...Array.from({ length: PEOPLE }, (_, at) => element("span", { class: at < blind ? "content" : "" })));
  byId("crowd-text").textContent =
    `${percent(share, 0)} means: of 20 ${peopleWho(observer)}, about ${blind} see no difference between photo and JPEG` +
    (jnd === 1 ? "" : ` that is ${NOTICED[jnd - 1].slice(2)}`) +
    `; about ${PEOPLE - blind} ${blind === PEOPLE - 1 ? "sees" : "see"} one if they look for it.`;
}

/** What to do with a drawing or screenshot, for which JPEG is the wrong format. */
export function showDrawing(result, photo) {
  byId("drawing").hidden = !result.original_format_better;
  byId("drawing").textContent =
    `This is no photo, or no smaller than your file as a JPEG. Drawings, screenshots and text keep sharper and often ` +
    `smaller as PNG or WebP: best keep ${photo.name} as it is.`;
}
