// A ZIP archive of files as they are: JPEGs gain nothing by compression. APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3 and 4.4.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8 = 0x0800;
const EPOCH = 0x0021; // 1 January 1980, the earliest day that the format knows
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** `files`: [name, Blob]; names that come twice get a number. */
export async function zipped(files) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [name, blob] of numbered(files)) {
    const bytes = new TextEncoder().encode(name);
    const entry = [VERSION, UTF8, 0, 0, EPOCH];
    const sizes = [crc32(new Uint8Array(await blob.arrayBuffer())), blob.size, blob.size];
    const head = packed([[LOCAL], 4], [entry, 2], [sizes, 4], [[bytes.length, 0], 2]);
    directory.push(packed([[CENTRAL], 4], [[VERSION, ...entry], 2], [sizes, 4], [[bytes.length, 0, 0, 0, 0], 2], [[0, offset], 4]), bytes);
    parts.push(head, bytes, blob);
    offset += head.length + bytes.length + blob.size;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([[END], 4], [[0, 0, files.length, files.length], 2], [[length, offset], 4], [[0], 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function numbered(files) {
  const taken = new Map();
  return files.map(([name, blob]) => {
    const times = taken.get(name) ?? 0;
    taken.set(name, times + 1);
    return [times === 0 ? name : name.replace(/(\.[^.]*)?$/, ` ${times + 1}$1`), blob];
  });
}

/** Numbers in little-endian order, group by group: [numbers, bytes of each]. */
function packed(...groups) {
  return Uint8Array.from(groups.flatMap(([numbers, width]) => numbers.flatMap((number) =>
    Array.from({ length: width }, (_, at) => (number >>> (8 * at)) & 255))));
}

function crc32(data) {
  let crc = 0xffffffff;
  for (const byte of data) crc = CRC_TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
