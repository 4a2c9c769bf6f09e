// Who looks, and at what: the service's observer profiles and screens, in plain words where they are known.

import { observers } from "../api.js";
import { byId } from "../elements.js";

const PLAIN = {
  "aic-3": { title: "Someone comparing closely at a desk", people: "people who compare closely at a desk" },
  flicker: { title: "The strictest eye: both in turns in one place", people: "people who see both in turns in one place" },
  "mcl-jci": { title: "Television across the room", people: "people who look at a television across the room" },
};
const SCREENS = {
  "": "The screen of those viewers",
  desktop: "Desktop monitor, from 60 cm",
  laptop: "Laptop, from 50 cm",
  "television-4k": "4K television, from 2 m",
  phone: "Phone, from 38 cm",
};

/** Fill both choices. */
export async function listObservers() {
  byId("viewing").replaceChildren(...Object.entries(SCREENS).map(([name, title]) => new Option(title, name)));
  const { preset, profiles } = await observers();
  const select = byId("observer");
  const known = profiles.length > 0 ? profiles : [{ name: preset }];
  select.replaceChildren(...known.map(({ name, title }) => new Option(PLAIN[name]?.title ?? (title || name), name)));
  select.value = preset;
  const explain = () => {
    byId("observer-text").textContent = profiles.find(({ name }) => name === select.value)?.description ?? "";
  };
  explain();
  select.addEventListener("change", explain);
}

/** The chosen viewers in the middle of a sentence. */
export function peopleWho(name) {
  const screen = byId("viewing").value === "" ? "" : `, on another screen (${SCREENS[byId("viewing").value].toLowerCase()})`;
  return `${PLAIN[name]?.people ?? `viewers of profile ${name}`}${screen}`;
}
