// The right picture, and what is said of the file that was made.

import { byId, element, figureList } from "./elements.js";
import { bytes, percent } from "./format.js";

const GRAB = 18; // CSS pixels around the border between before and after in which it is caught

/** Draw before, after or both as `mode` has it; `split` is where the border is, 0..1 of the pane's width. */
export function paintResult(context, part, { before, after, difference }, { mode, split }, onTile) {
  if (mode === "difference") {
    (difference ?? after).draw(context, part, onTile);
    return;
  }
  (after ?? before).draw(context, part, onTile);
  if (mode !== "wipe" || after === null) return;
  const border = Math.round(split * part.width);
  context.save();
  context.beginPath();
  context.rect(0, 0, border, part.height);
  context.clip();
  context.fillStyle = getComputedStyle(context.canvas.parentElement).backgroundColor;
  context.fillRect(0, 0, border, part.height);
  before.draw(context, part, onTile);
  context.restore();
  if (border > 0 && border < part.width) drawBorder(context, border, part.height);
}

function drawBorder(context, x, height) {
  const unit = devicePixelRatio;
  context.fillStyle = "rgb(0 0 0 / 50%)";
  context.fillRect(x - 2 * unit, 0, 4 * unit, height);
  context.fillStyle = "#ffffff";
  context.fillRect(x - unit, 0, 2 * unit, height);
  context.beginPath();
  context.arc(x, height / 2, 11 * unit, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#18201f";
  for (const side of [-1, 1]) {
    context.beginPath();
    context.moveTo(x + side * 7 * unit, height / 2);
    context.lineTo(x + side * 3 * unit, height / 2 - 4 * unit);
    context.lineTo(x + side * 3 * unit, height / 2 + 4 * unit);
    context.fill();
  }
}

/** A tool for the right pane that moves the border; `get()` and `set(split)`, the latter 0..1. */
export function borderTool(get, set) {
  return {
    press(point, pane) {
      const caught = get() !== null && Math.abs(point.x - get() * pane.canvas.width) < GRAB * devicePixelRatio;
      if (caught) this.drag(point, pane);
      return caught;
    },
    drag(point, pane) {
      set(Math.min(1, Math.max(0, point.x / pane.canvas.width)));
    },
    lift() {},
  };
}

/** Figures of a VarJPEG result beside those of the photo. */
export function showFigures(result, photo) {
  const saved = photo.size - result.size_bytes;
  byId("figures").replaceChildren(...figureList([
    ["Saved", percent(saved / photo.size), "main"],
    ["Predicted to see no difference", result.sur === null ? "unknown" : percent(result.sur), "main"],
    ["This JPEG", bytes(result.size_bytes)],
    ["Your file", bytes(photo.size)],
    ["Bytes saved", bytes(Math.max(0, saved))],
    ["Pixels", `${result.width} × ${result.height}`],
  ]));
  byId("promise").textContent =
    `The share is predicted for exactly these bytes, ` +
    `by viewers of profile ${result.observer} at ${result.pixels_per_degree} pixels per degree. ` +
    (result.encoder === "input" ? "No smaller file keeps it: these are the pixels of your file, packed better." : "");
  byId("warnings").replaceChildren(...result.warnings.map((warning) => element("li", {}, warning)));
  byId("trials").tBodies[0].replaceChildren(...result.trials.map((trial) => element("tr", {},
    element("td", {}, trial.encoder),
    element("td", {}, trial.thrift === 1 ? `${trial.quality}` : `${trial.quality}, thrift ${trial.thrift}`),
    element("td", {}, bytes(trial.size_bytes)),
    element("td", {}, trial.sur === null ? "not asked" : percent(trial.sur)))));
}
