/**
 * What every page of the dashboard is, and parts that several have.
 * @module
 */

import { clockTime, words } from '../format.ts'
import type { Device, Fleet, Happening } from '../model/fleet.ts'
import { el, setAttribute, setChildren, setText } from './dom.ts'
import type { Answer, Fields } from './wire.ts'

export type Desk = {
  readonly fleet: Fleet
  readonly fleetName: string
  readonly nowSeconds: () => number
  readonly ask: (verb: string, fields: Fields) => Promise<Answer>
}

export type View = {
  readonly title: string
  readonly element: HTMLElement
  /** Shows what is known now; called some times a second, only after something changed. */
  readonly update: () => void
  readonly close: () => void
}

export type Tile = { readonly element: HTMLElement; readonly show: (value: string) => void }

/** A figure with its name. `name` is also what tests find it by. */
export function tile(name: string, hint: string): Tile {
  const value = el('dd', { 'data-figure': name }, '–')
  const element = el('div', { class: 'tile', title: hint }, el('dt', {}, name), value)
  return { element, show: (text) => setText(value, text) }
}

/** Beside the colour there is always a word. */
export function showBadge(badge: HTMLElement, { state, reason }: Device): void {
  setAttribute(badge, 'class', `badge ${state}`)
  setText(badge, reason === '' ? state : `${state}: ${words(reason)}`)
}

export function deviceLink(name: string): HTMLAnchorElement {
  return el('a', { href: `#/device/${name}` }, name)
}

/** Rows of what happened, newest first. */
export function showHappenings(list: HTMLElement, happenings: readonly Happening[]): void {
  const newest = happenings[0]
  const key = `${happenings.length} ${newest?.timeSeconds} ${newest?.device} ${newest?.text}`
  setChildren(list, key, () =>
    happenings.map(({ timeSeconds, device, text, isBad }) =>
      el(
        'li',
        isBad ? { class: 'bad' } : {},
        el('time', {}, clockTime(timeSeconds)),
        el('span', {}, el('strong', {}, device), ` ${text}`),
      ),
    ),
  )
}

/** The same where only the newest have room, and may be none. */
export function showLatest(list: HTMLElement, happenings: readonly Happening[]): void {
  if (happenings.length > 0) showHappenings(list, happenings)
  else setChildren(list, 'none', () => [el('li', {}, 'Nothing since this page was opened.')])
}

export function emptyState(title: string, ...lines: readonly (Node | string)[]): HTMLElement {
  return el('section', { class: 'card empty' }, el('h2', {}, title), ...lines)
}
