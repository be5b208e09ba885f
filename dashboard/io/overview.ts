/**
 * The first page: what flows, what is owed, what was settled, what was refused, and what needs
 * somebody.
 * @module
 */
import { clockTime, money, moneyRate, whole } from '../format.ts'
import type { Alarm } from '../model/alarms.ts'
import { worstAlarms } from '../model/alarms.ts'
import type { Fleet } from '../model/fleet.ts'
import { amountTiles, moneyPlot } from './amounts.ts'
import { el, setChildren, setHidden } from './dom.ts'
import type { Desk, Tile, View } from './view.ts'
import { deviceLink, emptyState, showLatest, tile } from './view.ts'

const HAPPENINGS_SHOWN = 8

export function overview(desk: Desk): View {
  const { fleet } = desk
  const figures = createFigures()
  const alarms = el('ul', { class: 'alarms' })
  const refusals = el('tbody')
  const gateway = createGatewayFigures()
  const happenings = el('ol', { class: 'happenings' })
  const spend = moneyPlot('Paid', fleet)
  const exposure = moneyPlot('Exposure: accepted, not yet settled', fleet)
  const empty = noDevices(desk.fleetName)
  const full = el(
    'div',
    {},
    el('dl', { class: 'tiles' }, ...figures.tiles),
    el('div', { class: 'columns' }, spend.element, exposure.element),
    el(
      'div',
      { class: 'columns' },
      el('section', { class: 'card' }, el('h2', {}, 'Needs attention'), alarms),
      el(
        'section',
        { class: 'card' },
        el('h2', {}, 'Latest'),
        happenings,
        el('p', {}, el('a', { href: '#/events' }, 'All events')),
      ),
    ),
  )
  const element = el(
    'div',
    {},
    el('h1', { tabindex: '-1' }, 'Overview'),
    empty,
    full,
    el(
      'div',
      { class: 'columns' },
      el('section', { class: 'card' }, el('h2', {}, 'Gateway'), gateway.element),
      el('section', { class: 'card' }, el('h2', {}, 'Refused, by reason'), refusalTable(refusals)),
    ),
  )
  return {
    title: 'Overview',
    element,
    update: () => {
      setHidden(empty, fleet.devices.size > 0)
      setHidden(full, fleet.devices.size === 0)
      const found = worstAlarms(fleet)
      figures.show(fleet, found.count)
      gateway.show(fleet)
      showAlarms(alarms, found)
      showRefusals(refusals, fleet)
      showLatest(happenings, fleet.happenings.slice(0, HAPPENINGS_SHOWN))
      const { times, values } = fleet.series
      spend.show(times, values[0] ?? [])
      exposure.show(times, values[1] ?? [])
    },
    close: () => {
      spend.close()
      exposure.close()
    },
  }
}

function createFigures() {
  const online = tile('Devices online', 'connected now, of all that are enrolled')
  const channels = tile('Channels', 'one for each meter of a device')
  const rate = tile('Spend', 'of all devices, over the last twenty seconds')
  const alarms = tile('Needs attention', 'see below')
  const amounts = amountTiles('the worst case of what devices have committed to')
  const all: readonly Tile[] = [online, channels, rate, alarms, ...amounts.tiles]
  return {
    tiles: all.map(({ element }) => element),
    show: (fleet: Fleet, alarmsFound: number) => {
      const { sums, asset } = fleet
      alarms.show(whole(alarmsFound))
      online.show(`${whole(fleet.online)} of ${whole(fleet.devices.size)}`)
      channels.show(whole(sums.channels))
      rate.show(moneyRate(fleet.spendPerHour, asset))
      amounts.show(fleet)
    },
  }
}

function createGatewayFigures() {
  const name = tile('Gateway', 'which answers here')
  const accepted = tile('Accepted in all', 'over all fleets of this gateway')
  const settled = tile('Settled in all', 'over all fleets of this gateway')
  const settlements = tile('Settlements', 'how many, and when the last one was')
  const journal = tile('Journal', 'records, and the first digits of the hash of the last one')
  const all: readonly Tile[] = [name, accepted, settled, settlements, journal]
  return {
    element: el('dl', { class: 'facts' }, ...all.map(({ element }) => element)),
    show: (fleet: Fleet) => {
      const [health] = fleet.health.values()
      if (!health) return
      const last = health.lastSettlementSeconds
      name.show(`${health.gateway}, ${fleet.gateways.get(health.gateway) ?? 'unknown'}`)
      accepted.show(money(health.acceptedAmount, fleet.asset))
      settled.show(money(health.settled, fleet.asset))
      const when = last === undefined ? '' : `, last ${clockTime(last)}`
      settlements.show(`${whole(health.settlements)}${when}`)
      journal.show(`${whole(health.position)}, ${health.head.slice(0, 12)}`)
    },
  }
}

function refusalTable(body: HTMLElement): HTMLElement {
  const head = el(
    'tr',
    {},
    el('th', { scope: 'col' }, 'Reason'),
    el('th', { scope: 'col' }, 'Count'),
  )
  return el('table', { class: 'plain' }, el('thead', {}, head), body)
}

function showRefusals(body: HTMLElement, fleet: Fleet): void {
  const counts = new Map<string, number>()
  for (const { refused } of fleet.health.values()) {
    for (const [reason, count] of refused) counts.set(reason, (counts.get(reason) ?? 0) + count)
  }
  const rows = [...counts].sort(([, a], [, b]) => b - a)
  setChildren(body, JSON.stringify(rows), () => {
    if (rows.length === 0) return [el('tr', {}, el('td', { colspan: '2' }, 'Nothing was refused.'))]
    return rows.map(([reason, count]) =>
      el('tr', {}, el('td', {}, el('code', {}, reason)), el('td', {}, whole(count))),
    )
  })
}

function showAlarms(list: HTMLElement, { shown, count }: ReturnType<typeof worstAlarms>): void {
  const key = `${count} ${shown.map(({ text }) => text).join('|')}`
  setChildren(list, key, () => {
    if (shown.length === 0) return [el('li', { class: 'good' }, 'Nothing. All is well.')]
    const rest = count - shown.length
    const more = rest > 0 ? [el('li', {}, `and ${whole(rest)} more`)] : []
    return [...shown.map(alarmItem), ...more]
  })
}

function alarmItem({ level, text, advice, device }: Alarm) {
  const link = device === undefined ? [] : [' ', deviceLink(device)]
  const words = device === undefined ? text : text.replace(device, '').replace(/^: /, '').trim()
  return el('li', { class: level }, el('strong', {}, ...link, ` ${words}`), el('span', {}, advice))
}

function noDevices(fleetName: string): HTMLElement {
  const command = `tickpay enrol device --fleet ${fleetName} --device ev-1 --key ev-1.key.pub`
  return emptyState(
    'No devices yet',
    el('p', {}, `The fleet ${fleetName} has no device that this gateway has heard of.`),
    el(
      'ol',
      {},
      el(
        'li',
        {},
        'Make a key on the device: ',
        el('code', {}, 'tickpay keys new ev-1.key --passphrase-file pass'),
      ),
      el('li', {}, 'Enrol it on the machine of the gateway: ', el('code', {}, command)),
      el('li', {}, 'Start its agent: ', el('code', {}, 'tickpay agent --config agent.yaml')),
    ),
    el('p', {}, 'It appears here by itself with its first message.'),
  )
}
