// A JPEG as a smaller picture, straight from its blocks, which takes a third of the time of the whole one, or less.

const START_OF_FRAME = [0xc0, 0xc1, 0xc2];

/**
 * The picture of a JPEG as a frame that is to be closed, with the `width` and `height` of the whole one, oriented as its
 * EXIF says; `sizes(width, height)` gives the sizes to choose from, the last of which is wanted. Null where the file is
 * no JPEG or this browser cannot do it.
 */
export async function reducedPicture(blob, sizes) {
  if (!("ImageDecoder" in self)) return null;
  const data = await blob.arrayBuffer();
  const stored = jpegSize(new DataView(data));
  const wanted = stored === null ? null : sizes(stored.width, stored.height).at(-1);
  if (wanted === null || wanted.width === stored.width) return null;
  const decoder = new ImageDecoder({
    data, type: "image/jpeg", transfer: [data], desiredWidth: wanted.width, desiredHeight: wanted.height,
  });
  try {
    const { image } = await decoder.decode();
    const turns = image.rotation % 180 !== 0;
    const [width, height] = turns ? [stored.height, stored.width] : [stored.width, stored.height];
    const made = sizes(width, height).at(-1);
    const known = image.rotation !== undefined; // older ones pay no heed to EXIF
    if (known && image.displayWidth === made.width && image.displayHeight === made.height) return { image, width, height };
    image.close();
    return null;
  } catch {
    return null;
  } finally {
    decoder.close();
  }
}

/** Width and height of a JPEG as its rows are stored, or null. */
function jpegSize(view) {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; at + 9 <= view.byteLength && view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    if (START_OF_FRAME.includes(view.getUint8(at + 1))) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
  }
  return null;
}
