// How large a photo is for the eye: sizes of a card, scale on the screen, image pixels per degree.

/** A bank card, ISO/IEC 7810 ID-1. */
export const CARD_LONG_MM = 85.6;
export const CARD_SHORT_MM = 53.98;

/** CSS pixels an image pixel is wide: one pixel of the screen if there is room for the image, never more. */
export function shownScale({ width, height }, room) {
  return Math.min(1 / devicePixelRatio, room.width / width, room.height / height);
}

/**
 * Image pixels that a degree of the visual field covers, an image pixel being `scale` CSS pixels wide.
 * `ratio`: device pixels per CSS pixel when the screen was measured; another zoom since then has changed both.
 */
export function pixelsPerDegree({ screen, ratio }, scale) {
  const density = (screen.css_pixels_per_mm * ratio) / devicePixelRatio;
  return (density * screen.viewing_distance_mm * 2 * Math.tan(Math.PI / 360)) / scale;
}
