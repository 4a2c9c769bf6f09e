// Quality of the photo and of the result by number, as they come in.

import { byId, figureList } from "./elements.js";
import { number } from "./format.js";

/** Scores so far: two of /v1/quality-score, and `pair` of /v1/full-reference-score; null until they are there. */
export function showScores({ photoScore, resultScore, pair }) {
  const opinion = (score) => (score === null ? "…" : number(score.mos));
  byId("scores").replaceChildren(...figureList([
    ["Photo, opinion score", opinion(photoScore)],
    ["Result, opinion score", opinion(resultScore)],
    ["Closeness to the photo", pair === null ? "…" : number(pair.score)],
    ["PSNR", pair === null ? "…" : pair.psnr_db === null ? "identical" : `${number(pair.psnr_db)} dB`],
    ["SSIM", pair === null ? "…" : number(pair.ssim, 3)],
    ["MS-SSIM", pair === null ? "…" : number(pair.ms_ssim, 3)],
  ]));
}

/** What to ask the service for: {kind, label, capability, files}; the photo's own score once. */
export function scoreRequests(photo, { blob, photoScore }) {
  const requests = [
    { kind: "pair", label: "Closeness", capability: "full-reference-score",
      files: { reference: photo.blob, distorted: blob } },
    { kind: "resultScore", label: "Score of the result", capability: "quality-score", files: { image: blob } },
    { kind: "photoScore", label: "Score of the photo", capability: "quality-score", files: { image: photo.blob } },
  ];
  return photoScore === null ? requests : requests.slice(0, 2);
}
