// A photo of the list: its file, where its work stands, and what has come of it.

import { getBlob, getJson, artefact } from "../api.js";

let count = 0;

export class Photo extends EventTarget {
  state = "waiting"; // working, done, failed
  progress = 0;
  attempt = 0;
  obstacle = null; // the error that prevented the last attempt, where it was not the photo's fault
  made = null; // {result, blob, url, protects, wish}: the JPEG, what is said of it, its address in this browser
  promised = null; // the JPEG for the target; `made` is another one while another quality is tried
  bare = null; // {wish, size} of the last JPEG without protection
  plain = null; // bytes of a plain JPEG that promises as much, once the curve has come
  size = null; // {width, height}

  /** `blob` is null where only the result is known, by its link. */
  constructor(blob, name) {
    super();
    count += 1;
    Object.assign(this, { blob, name, number: count });
  }

  /** What the file in hand is called. */
  get fileName() {
    return `${this.name.replace(/\.[^.]*$/, "")}-limen.jpg`;
  }

  /** Share of the upload's bytes that is saved, or null before that is known. */
  get saved() {
    const before = this.blob?.size ?? this.made?.result.input_size_bytes ?? null;
    return this.made === null || before === null ? null : 1 - this.made.blob.size / before;
  }

  /** The work on it begins; returns the number of this attempt. */
  begin() {
    this.attempt += 1;
    this.obstacle = null;
    this.is("working");
    return this.attempt;
  }

  is(state, progress = 0) {
    Object.assign(this, { state, progress });
    this.dispatchEvent(new Event("change"));
  }

  /** It was not made; `obstacle`: the error, where it was not the photo's fault. */
  fail(obstacle) {
    this.obstacle = obstacle;
    this.is("failed");
  }

  /** Its work is to be done anew. */
  renew() {
    this.obstacle = null;
    this.is("waiting");
  }

  /** The JPEG has come. */
  take(result, blob, { protects, wish }) {
    this.keepPromise();
    if (this.made !== null) URL.revokeObjectURL(this.made.url);
    this.made = { result, blob, url: URL.createObjectURL(blob), protects, wish };
    this.promised = this.made;
    this.obstacle = null;
    this.plain = null;
    if (!protects) this.bare = { wish, size: blob.size };
    this.is("done");
  }

  /** A JPEG of another quality takes the place of the promised one, which is kept. */
  tryOn(result, blob, { protects }) {
    this.keepPromise();
    this.made = { result, blob, url: URL.createObjectURL(blob), protects, wish: null };
    this.plain = null;
    this.is("done");
  }

  /** The promised JPEG is the one again. */
  keepPromise() {
    if (this.made === this.promised) return;
    URL.revokeObjectURL(this.made.url);
    this.made = this.promised;
    this.plain = null;
    this.dispatchEvent(new Event("change"));
  }
}

const LINK = /^#result=([\w-]+)(?:&name=(.*))?$/;

/** The fragment of an address under which a result is found again for as long as its job is kept. */
export function linkTo(photo) {
  return `#result=${photo.made.result.job.split("/").pop()}&name=${encodeURIComponent(photo.name)}`;
}

/** The photo whose result the page's address names, or null; its own file is not kept by the service. */
export async function linkedPhoto() {
  const found = LINK.exec(location.hash);
  if (found === null) return null;
  const result = await getJson(`/v1/jobs/${found[1]}/result`);
  const photo = new Photo(null, decodeURIComponent(found[2] ?? "photo"));
  photo.take(result, await getBlob(artefact(result, "photo.jpg").href), { protects: false, wish: null });
  return photo;
}
