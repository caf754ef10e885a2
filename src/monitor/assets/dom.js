// Builds elements. Data only ever becomes text nodes and attribute values, never markup: clients choose their own names.

const SVG = "http://www.w3.org/2000/svg";

/** Returns the element with an id, which the page is known to have. */
export const byId = (id) => document.getElementById(id);

/**
 * Makes an element: h("td", { class: "number", title: name }, "text", child).
 * Properties that start with "on" become listeners, `data` fills the dataset, null and false leave an attribute out.
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** As `h`, for SVG. */
export function s(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon of the page's symbols. */
export function icon(name, label = null) {
  const properties = label ? { class: "icon", role: "img", "aria-label": label } : { class: "icon", "aria-hidden": "true" };
  return s("svg", { viewBox: "0 0 24 24", ...properties }, s("use", { href: `#${name}` }));
}

/** Sets text only when it differs: screen readers and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Replaces children by others. */
export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

/** Calls `action` once the calls have paused for `milliseconds`. */
export function debounced(action, milliseconds) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}
