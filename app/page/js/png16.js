// Values of a 16-bit grey PNG, which a canvas would cut to 8 bits. PNG specification, third edition, sections 5, 9, 10.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/** Samples of a 16-bit grey PNG without interlacing: {width, height, samples: Uint16Array}, by rows. Throws Error. */
export async function decodeGrey16(buffer) {
  const view = new DataView(buffer);
  if (SIGNATURE.some((byte, index) => view.getUint8(index) !== byte)) throw new Error("not a PNG");
  const { header, data } = chunksOf(view);
  const width = header.getUint32(0);
  const height = header.getUint32(4);
  const [depth, colour, , , interlace] = [8, 9, 10, 11, 12].map((at) => header.getUint8(at));
  if (depth !== 16 || colour !== 0 || interlace !== 0) throw new Error("not a plain 16-bit grey PNG");
  const inflated = new Blob(data).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(inflated).arrayBuffer());
  return { width, height, samples: unfiltered(rows, width, height) };
}

function chunksOf(view) {
  const data = [];
  let header = null;
  for (let at = 8; at + 8 <= view.byteLength; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...[4, 5, 6, 7].map((offset) => view.getUint8(at + offset)));
    if (type === "IHDR") header = new DataView(view.buffer, at + 8, length);
    if (type === "IDAT") data.push(new Uint8Array(view.buffer, at + 8, length));
    at += 12 + length;
  }
  if (header === null) throw new Error("a PNG without a header");
  return { header, data };
}

function unfiltered(rows, width, height) {
  const stride = 2 * width;
  if (rows.length < height * (stride + 1)) throw new Error("a PNG that ends early");
  const samples = new Uint16Array(width * height);
  let above = new Uint8Array(stride);
  for (let row = 0; row < height; row += 1) {
    const start = row * (stride + 1);
    const line = rows.subarray(start + 1, start + 1 + stride);
    undoFilter(rows[start], line, above);
    for (let x = 0; x < width; x += 1) samples[row * width + x] = (line[2 * x] << 8) | line[2 * x + 1];
    above = line;
  }
  return samples;
}

/** Undo one row's filter in place; `above` is the finished row before. A pixel has two bytes. */
function undoFilter(filter, line, above) {
  const before = (at) => (at < 2 ? 0 : line[at - 2]);
  const corner = (at) => (at < 2 ? 0 : above[at - 2]);
  switch (filter) {
    case 0: break;
    case 1: for (let at = 2; at < line.length; at += 1) line[at] += line[at - 2]; break;
    case 2: for (let at = 0; at < line.length; at += 1) line[at] += above[at]; break;
    case 3: for (let at = 0; at < line.length; at += 1) line[at] += (before(at) + above[at]) >> 1; break;
    case 4: for (let at = 0; at < line.length; at += 1) line[at] += nearest(before(at), above[at], corner(at)); break;
    default: throw new Error(`a PNG with filter ${filter}`);
  }
}

/** Of the three neighbours the one nearest to left + up - corner: filter 4, section 9.4. */
function nearest(left, up, corner) {
  const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
