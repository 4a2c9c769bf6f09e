// Uses the types that openapi-typescript makes of the API's description, and prints what it got: use.js URL PHOTO

import { readFileSync } from "node:fs";

import createClient from "openapi-fetch";

import type { paths } from "./limen.js";

const [url, photo] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url });

// The description says "binary", for which TypeScript has a Blob and openapi-typescript a string.
const image = new Blob([readFileSync(photo)]) as unknown as string;

function form(fields: unknown): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields as object)) data.append(name, value);
  return data;
}

/** The JSON of a reply; the description also names the files that it may be, as text. */
function json<Data>({ data, error }: { data?: Data; error?: unknown }): Exclude<Data, string | undefined> {
  if (data === undefined || typeof data === "string") throw new Error(JSON.stringify(error ?? data));
  return data as Exclude<Data, string | undefined>;
}

const atOnce = json(await client.POST("/v1/varjpeg", {
  params: { header: { prefer: "wait=60" } },
  body: { image, target_sur: 0.75 },
  bodySerializer: form,
}));
const accepted = json(await client.POST("/v1/varjpeg", { body: { image, target_sur: 0.8 }, bodySerializer: form }));
if (!("sur" in atOnce) || !("id" in accepted)) throw new Error("the first was to be waited for, the second was not");

const path = { job_id: String(accepted.id) };
const result = json(await client.GET("/v1/jobs/{job_id}/result", { params: { path, header: { prefer: "wait=60" } } }));
const { name, size_bytes: size } = result.artefacts[0]!;

const file = await client.GET("/v1/jobs/{job_id}/artefacts/{name}", {
  params: { path: { ...path, name } },
  parseAs: "arrayBuffer",
});
const bytes = new Uint8Array(file.data as unknown as ArrayBuffer);

const status = json(await client.GET("/v1/jobs/{job_id}", { params: { path } }));
const unknown = await client.GET("/v1/jobs/{job_id}", { params: { path: { job_id: "f".repeat(32) } } });

console.log(JSON.stringify({
  at_once: atOnce.sur,
  state: status.state,
  begins: Buffer.from(bytes.slice(0, 2)).toString("hex"),
  size_bytes: [bytes.length, size],
  problem: unknown.error?.type,
}));
