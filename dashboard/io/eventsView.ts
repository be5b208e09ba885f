/**
 * What happened since the page was opened, newest first.
 * @module
 */
import { el, setHidden } from './dom.ts'
import type { Desk, View } from './view.ts'
import { emptyState, showHappenings } from './view.ts'

export function eventsView({ fleet }: Desk): View {
  const list = el('ol', { class: 'happenings' })
  const card = el('section', { class: 'card' }, list)
  const empty = emptyState(
    'Nothing has happened yet',
    el(
      'p',
      {},
      'Changes of supply, devices that come and go, and events of the fleet appear here.',
    ),
    el('p', {}, 'What was before, of one device: ', el('code', {}, 'tickpay trace DEVICE')),
  )
  return {
    title: 'Events',
    element: el('div', {}, el('h1', { tabindex: '-1' }, 'Events'), empty, card),
    update: () => {
      setHidden(empty, fleet.happenings.length > 0)
      setHidden(card, fleet.happenings.length === 0)
      showHappenings(list, fleet.happenings)
    },
    close: () => {},
  }
}
