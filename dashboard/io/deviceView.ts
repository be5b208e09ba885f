/**
 * One device: its channels to the unit, plots, what happened to it, and pause and resume.
 * @module
 */
import { dateTime, decimal, money, moneyRate, units, whole, words } from '../format.ts'
import type { Device } from '../model/fleet.ts'
import type { Channel } from '../model/reports.ts'
import { createActing } from './acting.ts'
import { amountTiles, moneyPlot } from './amounts.ts'
import { el, setChildren, setHidden } from './dom.ts'
import { createPlot } from './plot.ts'
import type { Desk, View } from './view.ts'
import { emptyState, showBadge, showLatest, tile } from './view.ts'

const HAPPENINGS_SHOWN = 20

export function deviceView(desk: Desk, name: string): View {
  const { fleet } = desk
  const badge = el('span', { class: 'badge' })
  const figures = createFigures()
  const channels = el('div', { class: 'channels' })
  const happenings = el('ol', { class: 'happenings' })
  const acting = createActing(desk, name)
  const paid = moneyPlot('Paid', fleet)
  const used = createPlot('Units paid', () => 1, decimal)
  const missing = emptyState('Unknown device', `The gateway has not reported ${name} here yet.`)
  const full = el(
    'div',
    {},
    acting.element,
    el('dl', { class: 'tiles' }, ...figures.tiles),
    el('div', { class: 'columns' }, paid.element, used.element),
    channels,
    el('section', { class: 'card' }, el('h2', {}, 'What happened'), happenings),
  )
  const back = el('p', { class: 'crumbs' }, el('a', { href: '#/devices' }, 'Devices'))
  const title = el('div', { class: 'title' }, el('h1', { tabindex: '-1' }, name), badge)
  return {
    title: name,
    element: el('div', {}, back, title, missing, full),
    update: () => {
      const device = fleet.devices.get(name)
      setHidden(missing, device !== undefined)
      setHidden(full, device === undefined)
      setHidden(badge, device === undefined)
      if (!device) return
      showBadge(badge, device)
      figures.show(device)
      acting.show(device)
      showChannels(channels, device)
      const own = fleet.happenings.filter((one) => one.device === name)
      showLatest(happenings, own.slice(0, HAPPENINGS_SHOWN))
      const { times, values } = device.series
      paid.show(times, values[0] ?? [])
      used.show(times, values[1] ?? [])
    },
    close: () => {
      paid.close()
      used.close()
    },
  }
}

function createFigures() {
  const used = tile('Used and paid', 'since its channels were opened')
  const rate = tile('Spend', 'over the last twenty seconds')
  const limit = tile('Limit', 'what its mandates allow in all')
  const channels = tile('Channels', 'one for each meter')
  const amounts = amountTiles('the worst case of what it has committed to')
  const all = [used, rate, channels, limit, ...amounts.tiles]
  return {
    tiles: all.map(({ element }) => element),
    show: (device: Device) => {
      const { sums, asset, spendPerHour, report } = device
      const allowed = report.channels.reduce((sum, one) => sum + (one.limit ?? 0n), 0n)
      limit.show(money(allowed, asset))
      channels.show(whole(sums.channels))
      used.show(device.units.map(([unit, value]) => units(value, unit)).join(', ') || '–')
      rate.show(moneyRate(spendPerHour, asset))
      amounts.show(device)
    },
  }
}

function showChannels(place: HTMLElement, { report }: Device): void {
  setChildren(place, JSON.stringify(report.channels.map((one) => rowsOf(one))), () =>
    report.channels.map((channel) =>
      el(
        'section',
        { class: 'card' },
        el('h2', {}, `${channel.meter} (slot ${channel.slot})`),
        el(
          'dl',
          { class: 'facts' },
          ...rowsOf(channel).map(([title, value]) =>
            el('div', {}, el('dt', {}, title), el('dd', {}, value)),
          ),
        ),
      ),
    ),
  )
}

function rowsOf(channel: Channel): readonly (readonly [string, string])[] {
  const { asset, unit, limit, mandateExpiry, register } = channel
  const mandate =
    limit === undefined || mandateExpiry === undefined
      ? 'none'
      : `up to ${money(limit, asset)}, until ${dateTime(mandateExpiry)}`
  const supply =
    channel.reason === 'ok' ? channel.supply : `${channel.supply}: ${words(channel.reason)}`
  return [
    ['Supply', channel.isClosed ? 'closed' : supply],
    ['Units paid', units(channel.units, unit)],
    ['Register', register === undefined ? 'not reported yet' : units(register, unit)],
    ['Paid', money(channel.paid, asset)],
    ['Exposure', money(channel.exposure, asset)],
    ['Reserved', money(channel.reserved, asset)],
    ['Settled', money(channel.settled, asset)],
    ['Mandate', mandate],
    ['Epoch, tick', `${whole(channel.epoch)}, ${whole(channel.index)}`],
    ['Channel', channel.channelId],
  ]
}
