// A double click is one click.

/** `action`, which is left out while it is still under way. */
export function once(action) {
  let under = null;
  return () => {
    under ??= Promise.resolve(action()).finally(() => { under = null; });
    return under;
  };
}
