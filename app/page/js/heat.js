// The colours of maps: eight equal steps of matplotlib's "inferno", the same that the service's overlays have.

const STEPS = [
  [0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99],
  [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164],
];
const SIZE = 256;

/** RGBA of SIZE steps from the low to the high end, one 32-bit number each in the byte order of ImageData. */
export const HEAT = new Uint32Array(Uint8ClampedArray.from({ length: 4 * SIZE }, (_, at) => (
  at % 4 === 3 ? 255 : channel((at >> 2) / (SIZE - 1), at % 4)
)).buffer);

/** Index into HEAT of a value. */
export function heatIndex(value, low, high) {
  return Math.max(0, Math.min(SIZE - 1, Math.round(((value - low) / (high - low)) * (SIZE - 1))));
}

/** The step `share` 0..1 of the way as a CSS colour. */
export function heatColour(share) {
  return `rgb(${[0, 1, 2].map((index) => Math.round(channel(share, index))).join(" ")})`;
}

function channel(share, index) {
  const position = share * (STEPS.length - 1);
  const below = Math.min(Math.floor(position), STEPS.length - 2);
  const rest = position - below;
  return STEPS[below][index] * (1 - rest) + STEPS[below + 1][index] * rest;
}
