/**
 * Elements of a page, made without HTML: text stays text.
 *
 * @module
 */

/** Makes an element with properties and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<Omit<HTMLElementTagNameMap[K], "style">> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

/** A control with its label; a box for yes or no stands before it. */
export function labelled(text: string, control: HTMLElement): HTMLElement {
  const label = element("label", { htmlFor: control.id }, text);
  const isBox = control instanceof HTMLInputElement &&
    control.type === "checkbox";
  return element(
    "div",
    { className: isBox ? "cp-box" : "cp-field" },
    ...isBox ? [control, label] : [label, control],
  );
}

/** A list to choose from. */
export function select(
  name: string,
  options: readonly (readonly [value: string, text: string])[],
): HTMLSelectElement {
  return element(
    "select",
    { id: `cp-${name}`, name },
    ...options.map(([value, text]) => element("option", { value }, text)),
  );
}

/** A line to type in. */
export function field(
  name: string,
  value: string,
  placeholder: string,
): HTMLInputElement {
  return element("input", {
    id: `cp-${name}`,
    name,
    value,
    placeholder,
    type: "text",
    spellcheck: false,
    autocomplete: "off",
    maxLength: 200,
  });
}

/** A button that does something. */
export function button(text: string, onclick: () => void): HTMLButtonElement {
  return element("button", { type: "button", onclick }, text);
}
