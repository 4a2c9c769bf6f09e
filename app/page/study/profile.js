// The observer profile that fits a study's answers: asked for when wanted, shown with its curve, and taken home.

import { getJson } from "../js/api.js";
import { byId, element, figureList, svgElement } from "../js/elements.js";
import { number, percent } from "../js/format.js";

const HEIGHT = 300;
const MARGIN = { left: 46, right: 14, top: 12, bottom: 42 };
let width = 640; // that of the page, so that the text keeps its size on a phone

/** Fit the answers so far of the study with that organiser's key, and show what comes of it if that is `still` wanted. */
export async function showProfile(key, still) {
  const name = byId("profile-name").value;
  const address = `/v1/studies/${key}/profile?name=${encodeURIComponent(name)}`;
  byId("fit").textContent = "Fitting…";
  try {
    const profile = await getJson(address);
    if (!still()) return;
    byId("profile").hidden = false;
    draw(name, profile);
    byId("profile-file").href = URL.createObjectURL(new Blob([`${JSON.stringify(profile, null, 2)}\n`], { type: "application/json" }));
    byId("profile-file").download = `${name}.json`;
  } finally {
    byId("fit").textContent = "Fit the answers so far";
  }
}

function draw(name, { profiles, calibration, curve, screening }) {
  const { spread } = profiles[name].thresholds["1"];
  const half = 101 - (curve.sur.findLastIndex((share) => share >= 0.5) + 1);
  byId("profile-figures").replaceChildren(...figureList([
    ["half see no difference down to quality", half > 100 ? "none" : String(half)],
    ["spread over observers (ln distance)", number(spread, 2)],
    ["observers who count", String(screening.kept)],
    ["left out: missed a check", String(screening.attention)],
    ["left out: outliers", String(screening.outlier)],
  ]));
  width = byId("profile-curve").parentElement.clientWidth;
  byId("profile-curve").setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  byId("profile-curve").replaceChildren(...axes(), band(curve), line(curve.sur));
  byId("profile-text").textContent =
    `Share of viewers who see no difference, the mean over the photos of this study; the band is the ` +
    `${percent(curve.coverage, 0)} interval for another draw of as many observers.`;
  byId("profile-warnings").replaceChildren(...calibration.warnings.map((warning) => element("li", {}, warning)));
}

const x = (quality) => MARGIN.left + ((quality - 1) / 99) * (width - MARGIN.left - MARGIN.right);
const y = (share) => MARGIN.top + (1 - share) * (HEIGHT - MARGIN.top - MARGIN.bottom);

/** Quality runs to the right, as on the page of photos. */
function axes() {
  const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, y(0)];
  return [
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      svgElement("line", { class: "axis", x1: left, x2: right, y1: y(share), y2: y(share) }),
      svgElement("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`),
    ]),
    ...[1, 20, 40, 60, 80, 100].map((quality) =>
      svgElement("text", { x: x(quality), y: bottom + 17, "text-anchor": "middle" }, `${quality}`)),
    svgElement("text", { x: (left + right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "JPEG quality"),
  ];
}

const points = (shares) => shares.map((share, at) => `${x(100 - at).toFixed(1)},${y(share).toFixed(1)}`);

function line(shares) {
  return svgElement("polyline", { class: "curve", points: points(shares).join(" ") });
}

function band({ low, high }) {
  return svgElement("polygon", { class: "band", points: [...points(low), ...points(high).reverse()].join(" ") });
}
