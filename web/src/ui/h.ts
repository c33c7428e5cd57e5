export type Child = Node | string | null | undefined | false;

type Value = string | number | boolean | null | undefined | ((event: never) => void);

/**
 * Makes an element. A prop named `on…` is a listener; `true` sets an attribute without a value;
 * `false`, `null` and `undefined` leave it off; anything else is the attribute's value.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value != null) {
      element.setAttribute(name, String(value));
    }
  }
  append(element, children);
  return element;
}

export function replaceChildren(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

/** Writes only what changed, so that a selection in the text or a live region stays as it is. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Hides an element; the focus moves on to `next` rather than getting lost. */
export function setHidden(element: HTMLElement, hidden: boolean, next?: HTMLElement): void {
  const focused = hidden && element.contains(document.activeElement);
  element.hidden = hidden;
  if (focused) next?.focus();
}

function append(parent: Element, children: Child[]): void {
  for (const child of children) {
    if (child != null && child !== false) parent.append(child);
  }
}
