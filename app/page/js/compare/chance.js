// Fair chance from the browser's cryptographic generator, and what right answers say against guessing: the exact
// one-sided binomial test.

export const TRIALS = 20;
export const SIGNIFICANT = 0.05;

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

/** Probability that guessing gets `right` or more of `trials` two-way choices. */
export function chanceOf(right, trials = TRIALS) {
  let sum = 0;
  for (let hits = right; hits <= trials; hits += 1) sum += choose(trials, hits);
  return sum / 2 ** trials;
}

/** Fewest right answers that guessing reaches with a probability below SIGNIFICANT: 15 of 20. */
export function needed(trials = TRIALS) {
  let right = 0;
  while (right <= trials && chanceOf(right, trials) >= SIGNIFICANT) right += 1;
  return right;
}

/** The verdict: {canTell, title, text}. */
export function verdict(right, trials = TRIALS) {
  const chance = chanceOf(right, trials);
  const often = chance >= 0.01 ? `in ${Math.round(chance * 100)} of 100 tries` : "in less than 1 of 100 tries";
  const limit = needed(trials);
  const rule =
    `The limit for "can tell" is ${limit} of ${trials}, which guessing reaches with ` +
    `p = ${chanceOf(limit, trials).toFixed(3)} (exact one-sided binomial test, p < ${SIGNIFICANT}).`;
  const canTell = chance < SIGNIFICANT;
  const figures =
    `You were right in ${right} of ${trials}. Someone who only guesses does as well or better ${often} ` +
    `(p = ${chance.toFixed(3)}).`;
  const meaning = canTell
    ? "So you can tell this JPEG from the photo."
    : "So you cannot tell this JPEG from the photo, as far as this test can show: it would miss a difference " +
      "that you notice only now and then.";
  return { canTell, title: canTell ? "Can tell" : "Cannot tell", text: `${figures} ${meaning} ${rule}` };
}

function choose(all, some) {
  let ways = 1;
  for (let step = 1; step <= some; step += 1) ways = (ways * (all - some + step)) / step;
  return ways;
}
