// What a pane shows: photo, JPEG, both with a border between them, or their difference; a map over it if one is chosen.

const GRAB = 18; // CSS pixels around the border between photo and JPEG in which it is caught

/**
 * What has come of the layers is drawn; `shown`: {mode, split}, the border's place being 0..1 of the pane's width.
 * `cover()` draws what lies over the photo, or over the JPEG where that is all there is to be seen.
 */
export function paintPicture(context, part, { before, after, difference }, { mode, split }, onTile, cover) {
  const picture = { before, after, wipe: after, side: after, difference: difference ?? after }[mode] ?? before ?? after;
  picture.draw(context, part, onTile);
  if (mode !== "wipe" || after === null || before === null) {
    if (mode !== "side" && mode !== "difference") cover();
    return;
  }
  const border = Math.round(split * part.width);
  context.save();
  context.beginPath();
  context.rect(0, 0, border, part.height);
  context.clip();
  paintGround(context, border, part.height);
  before.draw(context, part, onTile);
  cover();
  context.restore();
  if (border > 0 && border < part.width) drawBorder(context, border, part.height);
}

export function paintGround(context, width, height) {
  context.fillStyle = getComputedStyle(context.canvas.parentElement).backgroundColor;
  context.fillRect(0, 0, width, height);
}

/** Lay a map over the photo that is drawn already, which turns grey under it. */
export function paintOver(context, part, map, opacity, onTile) {
  context.globalCompositeOperation = "saturation";
  context.fillStyle = "#808080";
  const { scale, left, top } = part;
  context.fillRect(-left * scale, -top * scale, map.width * scale, map.height * scale);
  context.globalCompositeOperation = "source-over";
  context.globalAlpha = opacity;
  map.draw(context, part, onTile);
  context.globalAlpha = 1;
}

function drawBorder(context, x, height) {
  const unit = devicePixelRatio;
  context.fillStyle = "rgb(0 0 0 / 50%)";
  context.fillRect(x - 2 * unit, 0, 4 * unit, height);
  context.fillStyle = "#ffffff";
  context.fillRect(x - unit, 0, 2 * unit, height);
  context.beginPath();
  context.arc(x, height / 2, 13 * unit, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#18201f";
  for (const side of [-1, 1]) {
    context.beginPath();
    context.moveTo(x + side * 8 * unit, height / 2);
    context.lineTo(x + side * 3 * unit, height / 2 - 5 * unit);
    context.lineTo(x + side * 3 * unit, height / 2 + 5 * unit);
    context.fill();
  }
}

/** A tool for a pane that moves the border; `get()` and `set(split)`, the latter 0..1. */
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
