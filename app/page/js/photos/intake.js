// How photos get onto the page: chosen, dropped anywhere, pasted, or the one of the first view.

import { getBlob } from "../api.js";
import { byId } from "../elements.js";

const SAMPLE = "/page/sample/photo.jpg";
const SAMPLE_NAME = "raccoon.jpg";
const HERE = ["localhost", "127.0.0.1", "[::1]"];

/** `onPhotos([{blob, name}])` gets photos as they come, `onError(error)` what prevents them. */
export function takePhotos(onPhotos, onError) {
  const file = byId("file");
  const offer = (files) => {
    const photos = [...files].filter((each) => each.type === "" || each.type.startsWith("image/"));
    if (photos.length > 0) onPhotos(photos.map((blob) => ({ blob, name: blob.name })));
    else if (files.length > 0) onError(new Error("That is not a photo."));
  };
  const sample = async () => {
    try {
      onPhotos([{ blob: await getBlob(SAMPLE), name: SAMPLE_NAME }]);
    } catch (error) {
      onError(error);
    }
  };
  file.addEventListener("change", () => {
    offer(file.files);
    file.value = ""; // so that the same photo can be chosen again
  });
  byId("sample").addEventListener("click", sample);
  byId("form").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    offer(event.clipboardData.files);
  });
  takeDrops(offer);
  if (HERE.includes(location.hostname)) byId("private").textContent = "No account, and nothing leaves this machine.";
  if (new URLSearchParams(location.search).has("sample")) sample(); // a link that shows an example at once
}

function takeDrops(offer) {
  const over = (is) => byId("drop").classList.toggle("over", is);
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      over(event.dataTransfer?.types.includes("Files") ?? false);
    });
  }
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    offer(event.dataTransfer.files);
  });
}
