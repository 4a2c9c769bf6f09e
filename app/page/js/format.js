// Numbers as people read them.

const decimals = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits });

/** Bytes in the decimal units that file managers show. */
export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  if (count < 1e6) return `${decimals(count < 1e5 ? 1 : 0).format(count / 1e3)} kB`;
  return `${decimals(2).format(count / 1e6)} MB`;
}

/** A share 0..1 in per cent. */
export function percent(share, digits = 1) {
  return `${decimals(digits).format(share * 100)} %`;
}

export function number(value, digits = 1) {
  return new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}
