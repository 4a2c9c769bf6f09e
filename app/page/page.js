// The page at "/": sends a photo to the same REST API that everyone uses, follows the jobs and shows their results.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
let photo = null; // the chosen File or Blob
let round = 0; // results of an earlier photo or setting are not shown
let urls = []; // object URLs to give back

class ProblemError extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

async function checked(response) {
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ title: "The service does not answer", detail: response.statusText }));
  throw new ProblemError(problem);
}

async function send(capability, fields) {
  const form = new FormData();
  form.append("image", photo);
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return (await checked(await fetch(`/v1/${capability}`, { method: "POST", body: form }))).json();
}

function finished(job, onProgress) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(job.links.events);
    events.addEventListener("progress", (event) => {
      const { state, progress } = JSON.parse(event.data);
      onProgress(progress);
      if (!["queued", "running"].includes(state)) {
        events.close();
        resolve();
      }
    });
    events.onerror = () => {
      if (events.readyState === EventSource.CLOSED) reject(new Error("The service cannot be reached."));
    };
  });
}

async function run(capability, fields, show) {
  const current = round;
  const bar = $(`${capability}-progress`);
  bar.hidden = false;
  bar.value = 0;
  const job = await send(capability, fields);
  await finished(job, (progress) => { if (current === round) bar.value = progress; });
  const response = await checked(await fetch(job.links.result, { headers: { Accept: "application/json" } }));
  const result = await response.json();
  if (current !== round) return;
  bar.hidden = true;
  await show(result);
}

function showProblem(error) {
  const box = $("problem");
  box.replaceChildren();
  const problem = error.problem ?? { title: "Something went wrong", detail: error.message };
  const title = document.createElement("strong");
  title.textContent = `${problem.title}. `;
  box.append(title, problem.detail ?? "");
  for (const { field, message } of problem.errors ?? []) box.append(` ${field}: ${message}.`);
  if (problem.type) {
    const link = document.createElement("a");
    link.href = problem.type;
    link.textContent = "What this means";
    box.append(" ", link);
  }
  box.hidden = false;
}

const kilobytes = (bytes) => `${(bytes / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} kB`;
const percent = (share) => `${Math.round(share * 1000) / 10} %`;

function artefact(result, start) {
  return result.artefacts.find(({ media_type: mediaType, name }) => `${mediaType} ${name}`.includes(start));
}

function showMap(result) {
  $("overlay").src = artefact(result, "overlay").href;
  const [low, high] = result.overlay_range;
  const { p10, p50, p90 } = result.percentiles;
  $("map-caption").textContent =
    `Brighter parts hide more. Half of the photo hides ${p50.toFixed(1)} of 255 luma levels or more; ` +
    `the most sensitive tenth less than ${p10.toFixed(1)}, the busiest more than ${p90.toFixed(1)}. ` +
    `Colours run from ${low} to ${high} levels.`;
  $("map").hidden = false;
}

function add(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
}

function showCurve(result) {
  const plot = $("plot");
  plot.replaceChildren();
  const left = (quality) => 45 + (quality - 1) * (415 / 99);
  const y = (share) => 250 - share * 225;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    add(plot, "line", { class: "axis", x1: 45, x2: 460, y1: y(share), y2: y(share) });
    add(plot, "text", { x: 40, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`);
  }
  for (const quality of [1, 20, 40, 60, 80, 100]) {
    add(plot, "text", { x: left(quality), y: 268, "text-anchor": "middle" }, quality);
  }
  add(plot, "text", { x: 252, y: 290, "text-anchor": "middle" }, "JPEG quality");
  const points = result.sur.map((share, index) => `${left(100 - index).toFixed(1)},${y(share).toFixed(1)}`);
  add(plot, "polyline", { class: "curve", points: points.join(" ") });
  const quality = result.recommended_quality;
  const share = result.sur[100 - quality];
  add(plot, "line", { class: "mark", x1: left(quality), x2: left(quality), y1: y(share), y2: 250 });
  add(plot, "circle", { class: "dot", cx: left(quality), cy: y(share), r: 5 });
  const anchor = quality > 60 ? "end" : "start";
  const shift = quality > 60 ? -10 : 10;
  add(plot, "text", { class: "strong", x: left(quality) + shift, y: y(share) + 18, "text-anchor": anchor }, `quality ${quality}`);
  $("curve-caption").textContent =
    `At plain JPEG quality ${quality} (${kilobytes(result.recommended_size_bytes)}), ${percent(share)} of viewers ` +
    `are predicted to see no difference (profile ${result.observer}).`;
  $("curve").hidden = false;
}

async function showJpeg(result) {
  const file = artefact(result, "image/jpeg");
  const blob = await (await checked(await fetch(file.href))).blob();
  const url = objectUrl(blob);
  $("after").src = url;
  $("download").href = url;
  const facts = [
    ["Your file", kilobytes(photo.size)],
    ["This JPEG", kilobytes(result.size_bytes)],
    ["Saved", percent(1 - result.size_bytes / photo.size)],
    ["Predicted to see no difference", result.sur === null ? "unknown" : percent(result.sur)],
    ["Pixels", `${result.width} × ${result.height}`],
  ];
  $("figures").replaceChildren(...facts.map(([name, value]) => {
    const group = document.createElement("div");
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = name;
    description.textContent = value;
    group.append(term, description);
    return group;
  }));
  $("jpeg").hidden = false;
}

function objectUrl(blob) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  return url;
}

async function analyse({ onlyJpeg = false } = {}) {
  if (photo === null) return;
  round += 1;
  const current = round;
  $("problem").hidden = true;
  $("results").hidden = false;
  $("status").textContent = "Working…";
  const observer = $("observer").value;
  const share = $("target").value / 100;
  $("jpeg").hidden = true;
  const work = [
    run("varjpeg", { target_sur: share, observer }, showJpeg),
    run("sur-curve", { percent: $("target").value, observer }, showCurve),
  ];
  if (!onlyJpeg) {
    $("map").hidden = $("curve").hidden = true;
    work.push(run("jnd-map", {}, showMap));
  }
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
  if (current !== round) return;
  $("status").textContent = failed ? "" : "Done.";
  for (const bar of document.querySelectorAll("progress")) bar.hidden = true;
  if (failed) showProblem(failed.reason);
  if (failed && $("jpeg").hidden && $("map").hidden && $("curve").hidden) $("results").hidden = true;
}

function choose(file) {
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
  photo = file;
  const before = $("before");
  before.onerror = () => { before.hidden = true; $("compare").classList.add("single"); }; // a type only the service reads
  before.hidden = false;
  $("compare").classList.remove("single");
  before.src = objectUrl(file);
  analyse();
}

$("file").addEventListener("change", (event) => {
  if (event.target.files.length > 0) choose(event.target.files[0]);
});
$("sample").addEventListener("click", async () => {
  try {
    choose(await (await checked(await fetch("/page/sample.png"))).blob());
  } catch (error) {
    showProblem(error);
  }
});
$("target").addEventListener("input", () => { $("target-value").textContent = `${$("target").value} %`; });
$("target").addEventListener("change", () => analyse({ onlyJpeg: true }));
$("observer").addEventListener("change", () => analyse({ onlyJpeg: true }));
$("split").addEventListener("input", () => $("compare").style.setProperty("--split", `${$("split").value}%`));
$("form").addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragenter", "dragover"]) {
  $("drop").addEventListener(name, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) $("drop").addEventListener(name, () => $("drop").classList.remove("over"));
$("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length > 0) choose(event.dataTransfer.files[0]);
});
if (new URLSearchParams(location.search).has("sample")) $("sample").click(); // a link that shows an example at once
