/**
 * Making elements, and changing them only where something changed: thousands of updates a second
 * must not cost a layout each.
 * @module
 */

type Child = Node | string
type Attributes = Readonly<Record<string, string>>

/** An element with attributes and children; `class` and `aria-*` are attributes like others. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

export function setHidden(element: HTMLElement, hidden: boolean): void {
  if (element.hidden !== hidden) element.hidden = hidden
}

/** Replaces children when `key` says that they would be others. */
export function setChildren(element: HTMLElement, key: string, make: () => readonly Child[]): void {
  if (element.dataset['key'] === key) return
  element.dataset['key'] = key
  element.replaceChildren(...make())
}

/** Tells people who do not see the page. */
export function say(text: string): void {
  const spoken = document.getElementById('spoken')
  if (spoken) spoken.textContent = text
}
