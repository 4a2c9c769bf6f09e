// Making and finding elements, and the one way a page shows a problem.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An HTML element with attributes and children; text goes in as text. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svgElement(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Names and values as the content of a <dl>; `[name, value, class]`. */
export function figureList(facts) {
  return facts.map(([name, value, kind]) =>
    element("div", kind ? { class: kind } : {}, element("dt", {}, name), element("dd", {}, value)),
  );
}

/** Say in `box` what went wrong and in what work: a ProblemError in the service's words, others by their message. */
export function showProblem(box, error) {
  const problem = error.problem ?? { title: "Something went wrong", detail: error.message };
  const work = error.work === undefined ? "" : `${error.work}: `;
  box.replaceChildren(element("strong", {}, `${work}${problem.title}. `), problem.detail ?? "");
  for (const { field, message } of problem.errors ?? []) box.append(` ${field}: ${message}.`);
  if (problem.type) box.append(" ", element("a", { href: problem.type }, "What this means"));
  box.hidden = false;
}
