// What a number of right answers says: the exact one-sided binomial test against guessing.

export const TRIALS = 20;
export const SIGNIFICANT = 0.05;

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
    ? "So you can tell this result from the original."
    : "So you cannot tell this result from the original, as far as this test can show: it would miss a difference " +
      "that you notice only now and then.";
  return { canTell, title: canTell ? "Can tell" : "Cannot tell", text: `${figures} ${meaning} ${rule}` };
}

function choose(all, some) {
  let ways = 1;
  for (let step = 1; step <= some; step += 1) ways = (ways * (all - some + step)) / step;
  return ways;
}
