// The organiser's page: make a study, add photos, follow it, take the answers home, end it.

import { getJson, request } from "../js/api.js";
import { byId, element, figureList, showProblem } from "../js/elements.js";
import { once } from "./once.js";
import { showProfile } from "./profile.js";

const CONSENT = `You are asked to judge photos. It takes a few minutes, and you may stop at any time by closing the page.

We store where you notice a difference, under a random number, and how large the photos were for your eye. We store no name, no address and nothing else about you, so answers cannot be traced back to you, nor deleted for you alone. All answers are deleted on the day that this page names; before that we may keep and publish them without reference to persons.`;
const SOON_MS = 1500;
const LATER_MS = 10_000;
const SECONDS = { bisection: 60, "adjustment-with-flicker": 20 }; // that one answer takes
const OVER = ["/problems/study-unknown", "/problems/study-expired"];
const JNDS = { 1: "first JND", 2: "first and second JND", 3: "first to third JND" };

let key = null;
let timer = 0;
let lost = false; // whether the service could not be asked last time

byId("consent").value = CONSENT;
const plan = once(() => reported(made));
const fit = once(() => reported(profiled));
for (const [id, act] of [["plan", plan], ["fit-form", fit]]) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}
byId("files").addEventListener("change", () => reported(added));
byId("end").addEventListener("click", () => {
  byId("sure").returnValue = "";
  byId("sure").showModal();
});
byId("invitation").addEventListener("input", () => { byId("mail").href = mail(); });
byId("sure").addEventListener("close", () => byId("sure").returnValue === "yes" && reported(ended));
for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", () => copy(button));
for (const kind of ["dragover", "dragleave", "drop"]) {
  byId("drop").addEventListener(kind, () => byId("drop").classList.toggle("over", kind === "dragover"));
}
window.addEventListener("hashchange", open);
open();

/** The study whose key is in the address; without one, the form for a new study. */
function open() {
  key = location.hash.slice(1) || null;
  clearTimeout(timer);
  byId("plan").hidden = key !== null;
  for (const id of ["study", "profile", "problem"]) byId(id).hidden = true;
  byId("invitation").value = byId("invitation").dataset.made = "";
  if (key !== null) follow();
}

async function reported(action) {
  byId("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    showProblem(byId("problem"), error);
  }
}

async function made() {
  const [width, height] = byId("display").value.split(" x ").map(Number);
  const options = {
    title: byId("title").value,
    consent_text: byId("consent").value,
    method: document.querySelector("input[name=method]:checked").value,
    jnds: Number(byId("jnds").value),
    viewing_condition: byId("viewing").value,
    expires_in_days: Number(byId("days").value),
    display_width: width,
    display_height: height,
  };
  const headers = { "Content-Type": "application/json" };
  const study = await getJson("/v1/studies", { method: "POST", headers, body: JSON.stringify(options) });
  location.hash = study.organiser_key; // opens it
}

async function profiled() {
  const study = key;
  await showProfile(study, () => key === study);
}

/** Photos for the study that is open as they are chosen. */
async function added() {
  const [study, files] = [key, [...byId("files").files]];
  byId("files").value = "";
  let refused = null;
  for (const [number, file] of files.entries()) {
    byId("status").textContent = `Uploading ${number + 1} of ${files.length}`;
    try {
      await upload(study, file);
    } catch (error) {
      refused = error; // the others may be taken
    }
    if (key === study) await follow();
  }
  if (refused !== null && key === study) throw refused;
}

async function upload(study, file) {
  const form = new FormData();
  const stem = file.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_ .()-]/gu, "_");
  const name = stem.replace(/^[^\p{L}\p{N}_]+/u, "").slice(0, 100);
  if (name) form.append("name", name);
  form.append("image", file);
  await request(`/v1/studies/${study}/photos`, { method: "POST", body: form });
}

/** Shows the study as it is, again and again; a service that does not answer for a while is asked again. */
async function follow() {
  clearTimeout(timer);
  const asked = key;
  let wait = LATER_MS;
  try {
    const study = await getJson(`/v1/studies/${asked}`);
    if (key !== asked) return;
    draw(study);
    if (lost) byId("problem").hidden = true;
    lost = false;
    if (study.photos.some((photo) => photo.state === "preparing")) wait = SOON_MS;
  } catch (error) {
    if (key !== asked) return;
    lost = true;
    showProblem(byId("problem"), error);
    if (OVER.includes(error.problem?.type)) return;
  }
  clearTimeout(timer);
  timer = setTimeout(follow, wait);
}

async function ended() {
  const study = key;
  await request(`/v1/studies/${study}`, { method: "DELETE" });
  if (key === study) location.hash = "";
  byId("status").textContent = "The study was deleted.";
}

function draw(study) {
  const first = byId("study").hidden;
  byId("study").hidden = false;
  byId("study-title").textContent = study.options.title;
  const end = new Date(study.expires_at).toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
  const method = study.options.method === "bisection" ? "Bisection" : "Adjustment with flicker";
  byId("summary").textContent = `${method}, ${JNDS[study.options.jnds]}. Deleted on ${end}.`;
  byId("observer-link").value = location.origin + study.links.observer_page;
  byId("organiser-link").value = location.origin + study.links.organiser_page;
  invite(study);
  drawPhotos(study.photos);
  const { started, finished, attention_failed: failed, answers } = study.observers;
  byId("figures").replaceChildren(
    ...figureList([["Observers begun", started], ["finished", finished], ["missed an attention check", failed], ["Answers", answers]].map(([name, count]) => [name, String(count)])),
  );
  offer("samples", answers > 0 && `/v1/studies/${key}/samples`);
  offer("all-samples", answers > 0 && `/v1/studies/${key}/samples?screened=true`);
  offer("dataset", `/v1/studies/${key}/dataset`);
  if (first) byId("study-title").focus();
}

/** A text to send to observers; what has been changed in it by hand stays. */
function invite({ options, photos, expires_at: expires }) {
  const questions = Math.max(1, photos.length) * options.jnds * 1.2 + 1; // with checks and practice
  const minutes = Math.max(2, Math.ceil((questions * SECONDS[options.method]) / 60));
  const day = new Date(expires).toLocaleDateString("en", { dateStyle: "long" });
  const text = `Would you look at some photos for us and say where you notice a difference? It takes about ${minutes} minutes, ` +
    `on a computer or phone, without an account; open until ${day}:\n\n${byId("observer-link").value}`;
  const field = byId("invitation");
  if (field.value === (field.dataset.made ?? "")) field.value = text;
  field.dataset.made = text;
  byId("mail").href = mail();
}

function mail() {
  const [subject, body] = [byId("study-title").textContent, byId("invitation").value].map(encodeURIComponent);
  return `mailto:?subject=${subject}&body=${body}`;
}

/** A download that is there, or not yet. */
function offer(id, address) {
  const link = byId(id);
  if (address) link.href = address;
  else link.removeAttribute("href");
  link.setAttribute("aria-disabled", String(!address));
}

const STATES = { ready: "ready", failed: "cannot be used", preparing: "being prepared" };

function drawPhotos(photos) {
  const rows = photos.map((photo) => {
    const state = photo.state === "preparing" ? `${STATES.preparing}, ${Math.round(photo.progress * 100)} %` : STATES[photo.state];
    const size = photo.width ? `${photo.width} x ${photo.height}` : (photo.detail ?? "");
    return element("tr", {}, element("td", { class: "thumb" }, thumbnail(photo)),
      ...[String(photo.number), photo.name, size, state].map((text) => element("td", {}, text)));
  });
  const head = ["Photo", "Nr", "Name", "Shown as", "State"].map((text) => element("th", { scope: "col" }, text));
  byId("photos").replaceChildren(
    rows.length ? element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)) : "",
  );
}

const thumbnails = new Map(); // by number; the list is drawn again and again, its pictures are loaded once

function thumbnail({ number, state, name }) {
  if (state !== "ready") return "";
  const src = `/v1/studies/${key}/photos/${number}`;
  if (thumbnails.get(number)?.dataset.src !== src) {
    thumbnails.set(number, element("img", { src, "data-src": src, alt: `Photo ${number}: ${name}`, loading: "lazy" }));
  }
  return thumbnails.get(number);
}

async function copy(button) {
  const field = byId(button.dataset.copies);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    byId("status").textContent = "Copied.";
    button.textContent = "Copied";
  } catch {
    byId("status").textContent = "Selected: copy it with the keyboard."; // no clipboard without HTTPS
  }
}
