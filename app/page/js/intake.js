// How a photo gets onto the page: chosen, dropped, pasted, or the sample.

import { getBlob } from "./api.js";
import { byId } from "./elements.js";

const SAMPLE = "/page/sample.png";

/** `onPhoto(blob, name)` gets each photo, `onError(error)` what prevents one. */
export function takePhotos(onPhoto, onError) {
  const file = byId("file");
  const drop = byId("drop");
  const offer = (files) => {
    const photo = [...files].find((each) => each.type === "" || each.type.startsWith("image/"));
    if (photo !== undefined) onPhoto(photo, photo.name);
    else if (files.length > 0) onError(new Error("That is not a photo."));
  };
  const sample = async () => {
    try {
      onPhoto(await getBlob(SAMPLE), "sample.png");
    } catch (error) {
      onError(error);
    }
  };
  file.addEventListener("change", () => {
    offer(file.files);
    file.value = ""; // so that the same photo can be chosen again
  });
  byId("sample").addEventListener("click", sample);
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    offer(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    offer(event.clipboardData.files);
  });
  if (new URLSearchParams(location.search).has("sample")) sample(); // a link that shows an example at once
}
