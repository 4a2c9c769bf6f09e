// The API key of a service that asks for one: asked for once, kept until the tab is closed, sent to this service alone.

import { element } from "./elements.js";

const STORED = "limen-key";
let asking = null;

/** Headers that a request needs besides its own. */
export function keyHeaders() {
  const key = sessionStorage.getItem(STORED);
  return key === null ? {} : { Authorization: `Bearer ${key}` };
}

/** Whether this service has asked for a key, so that addresses of results do not open by themselves. */
export function hasKey() {
  return sessionStorage.getItem(STORED) !== null;
}

/** Asks for a key, however many requests want one at once; true once there is one, false if nobody gives it. */
export function askForKey() {
  asking ??= shown().finally(() => {
    asking = null;
  });
  return asking;
}

function shown() {
  const field = element("input", { type: "password", name: "key", autocomplete: "off", required: "", spellcheck: "false" });
  const form = element(
    "form",
    { method: "dialog" },
    element("p", {}, "This service asks for a key. It is kept until you close this tab."),
    element("p", {}, element("label", {}, "Key ", field)),
    element("button", { value: "use", class: "button" }, "Use this key"),
  );
  const dialog = element("dialog", { "aria-label": "Key", id: "key-dialog" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "use";
      if (given) sessionStorage.setItem(STORED, field.value.trim());
      dialog.remove();
      resolve(given);
    });
  });
}
