// Fair chance from the browser's cryptographic generator.

/** 0 or 1. */
export function coin() {
  return crypto.getRandomValues(new Uint8Array(1))[0] & 1;
}

/** A whole number from 0 to `count` - 1, all alike: numbers from the uneven rest of the range are drawn again. */
export function below(count) {
  const fair = Math.floor(2 ** 32 / count) * count;
  for (;;) {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1));
    if (drawn < fair) return drawn % count;
  }
}

/** The items in an order that is as likely as any other (Fisher and Yates). */
export function shuffled(items) {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = below(at + 1);
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}
