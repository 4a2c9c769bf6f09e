// The public REST API, as pages call it: jobs with their progress and cancelling, results, and problems (RFC 9457).

/** What the service said is wrong; `problem` is its application/problem+json body. */
export class ProblemError extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

const UNREACHABLE = { title: "The service cannot be reached", detail: "Is it still running?" };
const ENDS = ["succeeded", "failed", "cancelled"];

/** `fetch` that throws a ProblemError for every reply that is not a success. */
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ProblemError(UNREACHABLE);
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  throw new ProblemError(said ?? { title: "The service does not answer as it should", detail: response.statusText });
}

export async function getJson(path, options = {}) {
  return (await request(path, { ...options, headers: { Accept: "application/json", ...options.headers } })).json();
}

export async function getBlob(path, options) {
  return (await request(path, options)).blob();
}

/**
 * Send work and wait for its result.
 * `files`: Blobs by part name; `fields`: parameters, of which null and undefined are left out; `onProgress` hears 0..1;
 * an abort of `signal` cancels the job. Returns the JSON result; throws ProblemError or AbortError.
 */
export async function runJob(capability, files, fields = {}, { signal, onProgress = () => {} } = {}) {
  const form = new FormData();
  for (const [name, blob] of Object.entries(files)) form.append(name, blob);
  for (const [name, value] of Object.entries(fields)) if ((value ?? null) !== null) form.append(name, value);
  const job = await (await request(`/v1/${capability}`, { method: "POST", body: form, signal })).json();
  try {
    await ended(job, onProgress, signal);
  } catch (error) {
    if (error.name === "AbortError") cancel(job).catch(() => {});
    throw error;
  }
  return getJson(job.links.result, { signal });
}

/** Cancels a job; that it may have ended before anybody has heard of it is no problem. */
function cancel(job) {
  return fetch(job.links.self, { method: "DELETE", headers: { Prefer: "handling=lenient" }, keepalive: true });
}

/** Follows a job by its server-sent events, which the browser takes up again by itself where they break off. */
function ended(job, onProgress, signal) {
  return new Promise((resolve, reject) => {
    if (ENDS.includes(job.state)) {
      resolve();
      return;
    }
    const events = new EventSource(job.links.events);
    const close = (settle, value) => {
      events.close();
      signal?.removeEventListener("abort", aborted);
      settle(value);
    };
    const aborted = () => close(reject, new DOMException("no longer wanted", "AbortError"));
    signal?.addEventListener("abort", aborted);
    events.addEventListener("progress", (event) => {
      const { state, progress } = JSON.parse(event.data);
      onProgress(progress);
      if (ENDS.includes(state)) close(resolve);
    });
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) close(reject, new ProblemError(UNREACHABLE));
    });
    if (signal?.aborted) aborted();
  });
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
