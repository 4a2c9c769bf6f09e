// The first view: photo and JPEG of the one that comes with the page, under a border that follows pointer and keys.

import { byId } from "../elements.js";

export function showProof() {
  const [box, split] = [byId("proof"), byId("proof-split")];
  const move = () => box.style.setProperty("--split", `${split.value}%`);
  split.addEventListener("input", move);
  box.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse") return; // a finger drags the border or scrolls the page
    const { left, width } = box.getBoundingClientRect();
    split.value = ((event.clientX - left) / width) * 100;
    move();
  });
  move();
}
