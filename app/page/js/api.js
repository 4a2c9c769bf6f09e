// The public REST API, as pages call it: jobs with their progress and cancelling, results, and problems (RFC 9457).

import { askForKey, keyHeaders } from "./key.js";

/** What the service said is wrong; `problem` is its application/problem+json body. */
export class ProblemError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

const UNREACHABLE = { title: "The service cannot be reached", detail: "Is it still running?" };
const NO_KEY = ["/problems/key-missing", "/problems/key-invalid"];
const TRIES = 20;
const AGAIN_MS = 1500;
const ENDS = ["succeeded", "failed", "cancelled"];

/** `fetch` that throws a ProblemError for every reply that is not a success, and asks for a key where one is needed. */
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...options.headers, ...keyHeaders() } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ProblemError(UNREACHABLE);
  }
  if (response.ok) return response;
  const { status, statusText: detail } = response;
  const said = await response.json().catch(() => null);
  if (NO_KEY.includes(said?.type) && (await askForKey())) return request(path, options);
  throw new ProblemError(said ?? { title: "The service does not answer as it should", status, detail });
}

export async function getJson(path, options = {}) {
  return (await request(path, { ...options, headers: { Accept: "application/json", ...options.headers } })).json();
}

export async function getBlob(path, options) {
  return (await request(path, options)).blob();
}

/** The job that had a Blob as its first file: the service takes that one again, so it is sent once. */
const sent = new WeakMap();

function bodyOf(files, fields) {
  const form = new FormData();
  for (const [name, blob] of Object.entries(files)) {
    if (sent.has(blob)) form.append(`${name}_job`, sent.get(blob));
    else form.append(name, blob);
  }
  for (const [name, value] of Object.entries(fields)) if ((value ?? null) !== null) form.append(name, value);
  return form;
}

/** Make a job; where the service no longer has a file that it was sent before, that is sent again. */
async function submit(capability, files, fields, signal) {
  try {
    const reply = await request(`/v1/${capability}`, { method: "POST", body: bodyOf(files, fields), signal });
    const job = await reply.json();
    sent.set(Object.values(files)[0], job.id);
    return job;
  } catch (error) {
    if (error.problem?.type !== "/problems/request-invalid") throw error;
    if (Object.values(files).filter((blob) => sent.delete(blob)).length === 0) throw error;
    return submit(capability, files, fields, signal);
  }
}

/**
 * Send work and wait for its result.
 * `files`: Blobs by part name; `fields`: parameters, of which null and undefined are left out; `onProgress` hears 0..1;
 * an abort of `signal` cancels the job. Returns the JSON result; throws ProblemError or AbortError.
 */
export async function runJob(capability, files, fields = {}, { signal, onProgress = () => {} } = {}) {
  const job = await submit(capability, files, fields, signal);
  const drop = () => cancel(job).catch(() => {});
  signal?.addEventListener("abort", drop);
  try {
    await ended(job, onProgress, signal);
  } finally {
    signal?.removeEventListener("abort", drop);
  }
  return getJson(job.links.result, { signal });
}

/** Cancels a job; that it may have ended before anybody has heard of it is no problem. */
function cancel(job) {
  const headers = { Prefer: "handling=lenient", ...keyHeaders() };
  return fetch(job.links.self, { method: "DELETE", headers, keepalive: true });
}

/** Follows a job by its server-sent events to its end; where they break off they are taken up again after the last one. */
async function ended(job, onProgress, signal) {
  let { state } = job;
  let last = "";
  for (let silent = 0; !ENDS.includes(state); silent += 1) {
    if (silent > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    try {
      const { body } = await request(job.links.events, { headers: last && { "Last-Event-ID": last }, signal });
      for await (const { id, data } of events(body)) {
        [silent, last, state] = [0, id, data.state];
        onProgress(data.progress);
      }
    } catch (error) {
      if (error.problem !== UNREACHABLE || silent >= TRIES) throw error;
    }
  }
}

/** The events in a stream, each with `id` and `data`, read here because `EventSource` can send no key. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n").map((line) => line.split(/: (.*)/s));
        const { id, data } = Object.fromEntries(lines);
        if (data) yield { id, data: JSON.parse(data) };
      }
    }
  } catch (error) {
    throw error.name === "AbortError" ? error : new ProblemError(UNREACHABLE);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The artefact of a result with that file name, or undefined. */
export function artefact(result, name) {
  return result.artefacts.find((each) => each.name === name);
}

/** The observer profiles that the workers know, by name, and the one of requests that name none. */
export async function observers() {
  const { workers, default_observer: preset } = await getJson("/v1/models");
  const known = new Map(workers.flatMap((worker) => worker.observers).map((observer) => [observer.name, observer]));
  return { preset, profiles: [...known.values()].sort((one, other) => one.name.localeCompare(other.name)) };
}
