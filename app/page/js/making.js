// Making JPEGs for the promise: of the photo that is looked at, and after it of the others.

import { artefact, getBlob, ProblemError } from "./api.js";
import { wanted } from "./aim/aim.js";
import { byId } from "./elements.js";

const AGAIN_MS = 1000; // before the first new try, twice as long before each that follows
const TRIES = 7; // one after another in vain: a minute

const FOR_A_WHILE = [undefined, 429, 502, 503]; // statuses of a service that is not there, or has too much to do

/** Whether it was not the photo's fault. */
const passes = ({ problem }) => problem !== undefined && FOR_A_WHILE.includes(problem.status);

export class Making {
  constructor({ jobs, shelf, brush }) {
    Object.assign(this, { jobs, shelf, brush });
  }

  /** Make the photo's JPEG; `kind` is "encode" for the one that is looked at, whose errors are thrown, or "others". */
  async encode(photo, kind) {
    const seen = kind === "encode";
    const { share, observer, jnd, screen } = wanted();
    const fields = { target_sur: share, observer, jnd, pixels_per_degree: screen };
    if (seen) byId("result-wait").textContent = "The JPEG is being made.";
    const attempt = photo.begin();
    try {
      const label = seen ? "Making the JPEG" : `The other photos: ${photo.name}`;
      await this.jobs.start(kind, label, async (run) => {
        const heard = (progress) => photo.is("working", progress);
        const { result, blob, protects } = await this.made(photo, fields, run, { seen, heard });
        photo.take(result, blob, { protects, wish: JSON.stringify(fields) });
      });
      if (photo.attempt === attempt && photo.state === "working") photo.is("waiting"); // it was cancelled
    } catch (error) {
      photo.fail(passes(error) ? error : null);
      if (!seen) return;
      byId("result-wait").textContent = "There is no file yet.";
      throw error;
    }
  }

  /**
   * Make the JPEGs of all that wait, as long as `still()`, with pauses while the service is not there. Returns what is to
   * be said of those not made, or null.
   */
  async others(still) {
    let inVain = 0;
    for (let photo = this.shelf.waiting; still() && photo !== undefined; photo = this.shelf.waiting) {
      await this.encode(photo, "others");
      const { obstacle } = photo;
      inVain = obstacle === null ? 0 : inVain + 1;
      if (inVain === TRIES) this.shelf.giveUp(obstacle);
      else if (inVain > 0 && still()) {
        photo.renew();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * 2 ** (inVain - 1)));
      }
    }
    const hindered = (photo) => photo !== this.shelf.current && photo.state === "failed" && photo.obstacle !== null;
    const missed = this.shelf.photos.filter(hindered);
    if (missed.length === 0) return null;
    const title = missed.length === 1 ? "One photo was not made" : `${missed.length} photos were not made`;
    const detail = `${missed.at(-1).obstacle.problem.title}. Choose the photo or another target to try again.`;
    return new ProblemError({ title, detail });
  }

  /** {result, blob, protects} of a request; what is painted counts for the photo that is `seen`. */
  async made(photo, fields, run, { seen = true, heard } = {}) {
    const protect = seen && !byId("protect-tools").hidden ? await this.brush.file() : null;
    const files = protect === null ? { image: photo.blob } : { image: photo.blob, protect };
    const result = await run("varjpeg", files, fields, heard);
    const blob = await getBlob(artefact(result, "photo.jpg").href, { signal: run.signal });
    run.signal.throwIfAborted();
    return { result, blob, protects: protect !== null };
  }
}
