// An observer's way through a study: consent, size of the screen, the trials, thanks.

import { getJson } from "../js/api.js";
import { byId, element, showProblem } from "../js/elements.js";
import { Adjustment } from "./adjustment.js";
import { Bisection } from "./bisection.js";
import { once } from "./once.js";
import { CARD_LONG_MM, CARD_SHORT_MM, pixelsPerDegree } from "./seeing.js";

const token = location.pathname.split("/").pop();
const home = `/v1/observe/${token}`;
const MEMORY = `limen-study-${token}`;
const SCREENS = ["invitation", "screen", "trial", "thanks"];
const OVER = ["study-unknown", "study-expired", "session-unknown"].map((code) => `/problems/${code}`);
const ORDINAL = { 2: "second", 3: "third" };

/** Below this width of the window a card may be wider than it; then its short side is measured, upright. */
const NARROW = 640;
const WIDEST_CARD = 900;
const TALLEST_BAR = 460;

let invitation = null;
let memory = null;
let method = null;

start();

async function start() {
  try {
    invitation = await getJson(home);
  } catch (error) {
    showProblem(byId("problem"), error);
    return;
  }
  document.title = invitation.title;
  onSubmit("invitation", agreed);
  onSubmit("screen", once(begun));
  byId("card-width").addEventListener("input", drawCard);
  await takeUp();
}

/** A session of this tab where it was left, or a new one. */
async function takeUp() {
  if (!(await resumed())) invite();
}

/** Shows one part of the page and tells a screen reader where it is. */
function show(name) {
  for (const each of SCREENS) byId(each).hidden = each !== name;
  document.body.classList.toggle("at-work", name === "trial");
  window.scrollTo(0, 0);
}

function onSubmit(id, then) {
  byId(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    byId("problem").hidden = true;
    try {
      await then();
    } catch (error) {
      showProblem(byId("problem"), error);
    }
  });
}

function invite() {
  const flickers = invitation.method === "adjustment-with-flicker";
  byId("title").textContent = invitation.title;
  byId("task").textContent = flickers
    ? `You will see ${photos()} alternating with a compressed version. With a slider you find the point where you just see it flicker.`
    : `You will see ${photos()} beside a compressed version, and say whether you see a difference.`;
  byId("condition").textContent = invitation.viewing_condition;
  byId("condition").hidden = !invitation.viewing_condition;
  byId("consent-text").textContent = invitation.consent_text;
  byId("flicker-warning").hidden = !flickers;
  byId("ends").textContent = `on ${new Date(invitation.expires_at).toLocaleDateString("en", { dateStyle: "long" })}`;
  show("invitation");
}

function photos() {
  return invitation.photos === 1 ? "one photo" : `${invitation.photos} photos, one after the other, each`;
}

function agreed() {
  const narrow = window.innerWidth < NARROW;
  byId("card-shape").classList.toggle("upright", narrow);
  byId("card-how").textContent = narrow
    ? "Hold the short side of a bank card, or of any card of that size, upright beside the coloured bar. Move the slider until the bar is as high as the card."
    : byId("card-how").textContent;
  byId("card-label").textContent = narrow ? "Height of the bar" : "Width of the shape";
  show("screen");
  byId("card-width").max = narrow ? TALLEST_BAR : Math.floor(Math.min(WIDEST_CARD, byId("screen").clientWidth - 48));
  drawCard();
  byId("screen-title").focus();
}

function drawCard() {
  const shape = byId("card-shape");
  shape.style[shape.classList.contains("upright") ? "height" : "width"] = `${byId("card-width").value}px`;
}

async function begun() {
  const side = byId("card-shape").classList.contains("upright") ? CARD_SHORT_MM : CARD_LONG_MM;
  const screen = {
    css_pixels_per_mm: Number(byId("card-width").value) / side,
    viewing_distance_mm: Number(byId("distance").value) * 10,
  };
  const view = await send(`${home}/sessions`, { consent: true, screen });
  memory = { session: view.session, screen, ratio: devicePixelRatio };
  sessionStorage.setItem(MEMORY, JSON.stringify(memory));
  ask(view);
}

/** Whether there is a session of this tab; it is taken up where it was left, or what stands against that is said. */
async function resumed() {
  memory = JSON.parse(sessionStorage.getItem(MEMORY) ?? "null");
  if (memory === null) return false;
  let view;
  try {
    view = await getJson(`${home}/sessions/${memory.session}`);
  } catch (error) {
    const over = OVER.includes(error.problem?.type);
    if (over) sessionStorage.removeItem(MEMORY);
    else failed(error, takeUp);
    return !over;
  }
  ask(view);
  return true;
}

function ask(view) {
  method?.end();
  const trial = view.trial;
  if (trial === null) {
    thank(view);
    return;
  }
  show("trial");
  byId("place").textContent = `${view.done + 1} of ${view.total}`;
  byId("status").textContent = `Question ${view.done + 1} of ${view.total}`;
  byId("progress").value = view.done / view.total;
  byId("practice").hidden = !trial.training;
  const beyond = trial.jnd > 1;
  const Method = invitation.method === "bisection" ? Bisection : Adjustment;
  byId("question").textContent = Method.question(beyond);
  byId("how").textContent = Method.how(beyond ? ORDINAL[trial.jnd] : null);
  method = new Method(trial, (level, scale) => answer(trial, level, scale), failed);
  tellScale();
  method.begin();
}

function tellScale() {
  byId("smaller").hidden = method.scale >= 0.999 / devicePixelRatio;
  byId("smaller").textContent = `Shown at ${Math.round(method.scale * devicePixelRatio * 100)} % of its size, to fit your window.`;
}

/** `again`: what is to be tried once more, if anything. */
function failed(error, again = null) {
  showProblem(byId("problem"), error);
  if (OVER.includes(error.problem?.type)) return;
  byId("problem").append(" Your answers are kept: load this page again to go on.");
  if (again === null) return;
  const button = element("button", { type: "button", class: "quiet" }, "Try again");
  button.addEventListener("click", () => {
    byId("problem").hidden = true;
    again();
  });
  byId("problem").append(" ", button);
}

/** `scale`: CSS pixels that an image pixel was wide. */
async function answer(trial, level, scale) {
  byId("problem").hidden = true;
  const body = { level, pixels_per_degree: pixelsPerDegree(memory, scale) };
  ask(await send(`${home}/sessions/${memory.session}/trials/${trial.number}`, body));
}

function thank(view) {
  method = null;
  byId("observer").textContent = view.observer;
  show("thanks");
  byId("thanks-title").focus();
}

function send(path, body) {
  return getJson(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

window.addEventListener("resize", () => {
  if (method === null) return;
  method.fit();
  tellScale();
});
