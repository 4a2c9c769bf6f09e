// What the page has asked for and not got yet: one job of a kind at a time, the newest, with its progress to be seen.

import { element } from "./elements.js";
import { runJob } from "./api.js";

/** Runs jobs of named kinds; a new one cancels the one of its kind that still runs. `list` shows what runs. */
export class Jobs extends EventTarget {
  #running = new Map();

  constructor(list) {
    super();
    this.list = list;
  }

  get busy() {
    return this.#running.size > 0;
  }

  /** Whether a job of that kind is going on. */
  runs(kind) {
    return this.#running.has(kind);
  }

  cancel(...kinds) {
    for (const kind of kinds.length > 0 ? kinds : [...this.#running.keys()]) this.#running.get(kind)?.abort();
  }

  /**
   * Do `work(run)`, where `run(capability, files, fields, heard)` sends a job and waits for it, `heard(progress)` being
   * called with 0..1, and `run.signal` tells when it is no longer wanted. Returns what `work` does, or undefined if it was cancelled; throws what it throws, with
   * the label as the error's `work`.
   */
  async start(kind, label, work) {
    this.cancel(kind);
    const controller = new AbortController();
    const { signal } = controller;
    const bar = element("progress", { max: 1, value: 0, "aria-label": label });
    const item = element("li", { "data-kind": kind }, element("span", {}, label), bar);
    this.list.append(item);
    this.#running.set(kind, controller);
    this.#tell();
    const run = (capability, files, fields, heard = () => {}) => runJob(capability, files, fields, {
      signal,
      onProgress: (progress) => {
        bar.value = progress;
        heard(progress);
      },
    });
    run.signal = signal;
    try {
      const done = await work(run);
      if (!signal.aborted) return done;
      done?.close?.(); // a layer that nobody will show
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      error.work ??= label;
      throw error;
    } finally {
      item.remove();
      if (this.#running.get(kind) === controller) this.#running.delete(kind);
      this.#tell();
    }
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
