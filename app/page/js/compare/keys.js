// Keys that work everywhere on the page but where they mean something else; and the picture over all of the screen.

import { byId } from "../elements.js";

const MODES = { w: "wipe", s: "side", j: "after", p: "before", d: "difference" };
const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];
const WRITTEN = "input:not([type=radio], [type=checkbox], [type=range]), select, textarea";

/** `step(by)` goes to another photo. */
export function listenToKeys(comparison, step) {
  const held = "o";
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || byId("results").hidden || document.querySelector("dialog[open]")) return;
    if (event.target.closest(WRITTEN)) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !byId("protect-tools").hidden) {
      event.preventDefault();
      comparison.brush.undo();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === held) comparison.hold(true);
    else if (key in MODES) comparison.choose(MODES[key]);
    else if (key === "f") fillScreen(!fills());
    else if (key === "Escape") fillScreen(false);
    else if (key === "[" || key === "]") step(key === "[" ? -1 : 1);
    else if (!MOVES.includes(key) || isFree(event.target)) comparison.right.press(event);
  });
  document.addEventListener("keyup", (event) => event.key.toLowerCase() === held && comparison.hold(false));
  byId("full-screen").addEventListener("click", () => fillScreen(!fills()));
  document.addEventListener("fullscreenchange", () => document.fullscreenElement === null && fillScreen(false));
}

/** Whether arrows mean nothing else there; on a bare page they scroll it until the view has been zoomed. */
function isFree(target) {
  return !target.closest("input, [role=slider]") && (target !== document.body || fills());
}

const fills = () => byId("viewer").classList.contains("whole");

function fillScreen(whole) {
  if (whole === fills()) return;
  byId("viewer").classList.toggle("whole", whole);
  document.body.classList.toggle("covered", whole);
  byId("full-screen").setAttribute("aria-pressed", whole);
  if (whole) byId("viewer").requestFullscreen?.().catch(() => {}); // where that is refused, it fills the window
  else if (document.fullscreenElement !== null) document.exitFullscreen();
}
