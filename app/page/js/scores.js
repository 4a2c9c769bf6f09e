// Quality of the photo and of the JPEG by number, as they come in, each with what it means.

import { byId, element } from "./elements.js";
import { number } from "./format.js";

/** Scores so far: two of /v1/quality-score, and `pair` of /v1/full-reference-score; null until they are there. */
export function showScores({ photoScore, resultScore, pair }) {
  const opinion = (score) => (score === null ? "…" : number(score.mos));
  const classical = (read) => (pair === null ? "…" : read(pair));
  byId("scores").replaceChildren(...[
    ["Photo, opinion score", opinion(photoScore), "How good people would call the photo, 0 to 100, seen alone. Higher is better."],
    ["JPEG, opinion score", opinion(resultScore), "The same of the JPEG. As good as the photo's is what you want."],
    ["Closeness to the photo", classical(({ score }) => number(score)), "How alike both look side by side; 100 is identical."],
    ["SSIMULACRA2", classical(({ ssimulacra2 }) => number(ssimulacra2)), "How alike a model of the eye finds both: 90 and more looks the same, 70 is good, 50 fair."],
    ["Butteraugli", classical(({ butteraugli }) => number(butteraugli, 2)), "How far apart another model of the eye finds both: 0 is identical, under 1 is hardly seen. Lower is better."],
    ["PSNR", classical(({ psnr_db: db }) => (db === null ? "identical" : `${number(db)} dB`)), "Mean error of the pixels; 40 dB and more is small. It knows nothing of eyes."],
    ["SSIM", classical(({ ssim }) => number(ssim, 3)), "How alike the structure is, 1 at most."],
    ["MS-SSIM", classical(({ ms_ssim: value }) => number(value, 3)), "The same at several sizes, 1 at most."],
  ].map(([name, value, meaning]) => element("div", {}, element("dt", {}, name), element("dd", {}, value),
    element("dd", { class: "small soft" }, meaning))));
}

/** What to ask the service for: {kind, label, capability, files, fields}; the photo's own score once. */
export function scoreRequests(photo, { blob, photoScore }) {
  const requests = [
    { kind: "pair", label: "Closeness", capability: "full-reference-score",
      files: { reference: photo.blob, distorted: blob }, fields: { perceptual: true } },
    { kind: "resultScore", label: "Score of the JPEG", capability: "quality-score", files: { image: blob } },
    { kind: "photoScore", label: "Score of the photo", capability: "quality-score", files: { image: photo.blob } },
  ];
  return photoScore === null ? requests : requests.slice(0, 2);
}
