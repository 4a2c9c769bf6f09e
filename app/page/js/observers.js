// Who looks: the observer profiles that the service offers, as a choice with an explanation.

import { observers } from "./api.js";
import { byId } from "./elements.js";

export async function listObservers() {
  const { preset, profiles } = await observers();
  const select = byId("observer");
  select.replaceChildren(...(profiles.length > 0 ? profiles : [{ name: preset }]).map(({ name, title }) => new Option(title || name, name)));
  select.value = preset;
  const explain = () => {
    byId("observer-text").textContent = profiles.find(({ name }) => name === select.value)?.description ?? "";
  };
  explain();
  select.addEventListener("change", explain);
}
