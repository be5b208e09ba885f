/**
 * One device: its channels to the unit, plots, what happened to it, and pause and resume.
 * @module
 */
import { coarse, dateTime, money, moneyRate, units, whole, words } from '../format.ts'
import type { Device } from '../model/fleet.ts'
import type { Channel } from '../model/reports.ts'
import { el, say, setChildren, setHidden, setText } from './dom.ts'
import { createPlot } from './plot.ts'
import type { Desk, View } from './view.ts'
import { emptyState, showBadge, showHappenings, tile } from './view.ts'

export function deviceView(desk: Desk, name: string): View {
  const { fleet } = desk
  const badge = el('span', { class: 'badge' })
  const figures = createFigures()
  const channels = el('div', { class: 'channels' })
  const happenings = el('ol', { class: 'happenings' })
  const acting = createActing(desk, name)
  const scale = () => 10 ** fleet.asset.scale
  const paid = createPlot('Paid', (value) => coarse(value / scale()))
  const used = createPlot('Units paid', (value) => whole(Math.round(value)))
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
      showOwn(happenings, desk, name)
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
  const paid = tile('Paid', 'accepted words, in all')
  const exposure = tile('Exposure', 'accepted and not yet settled')
  const reserved = tile('Reserved', 'the worst case of what it has committed to')
  const settled = tile('Settled', 'paid by the ledger')
  const limit = tile('Limit', 'what its mandates allow in all')
  const channels = tile('Channels', 'one for each meter')
  const all = [used, rate, channels, limit, paid, settled, exposure, reserved]
  return {
    tiles: all.map(({ element }) => element),
    show: ({ sums, asset, spendPerHour, units: sumsOfUnits, report }: Device) => {
      const limits = report.channels.map((one) => one.limit ?? 0n)
      limit.show(
        money(
          limits.reduce((sum, one) => sum + one, 0n),
          asset,
        ),
      )
      channels.show(whole(sums.channels))
      used.show(sumsOfUnits.map(([unit, value]) => units(value, unit)).join(', ') || '–')
      rate.show(moneyRate(spendPerHour, asset))
      paid.show(money(sums.paid, asset))
      exposure.show(money(sums.exposure, asset))
      reserved.show(money(sums.reserved, asset))
      settled.show(money(sums.settled, asset))
    },
  }
}

function createActing(desk: Desk, name: string) {
  const button = el('button', { type: 'button', class: 'primary' }, 'Pause')
  const outcome = el('span', { class: 'quiet' })
  let isAsking = false
  button.addEventListener('click', async () => {
    if (isAsking) return
    isAsking = true
    const verb = isPaused(desk.fleet.devices.get(name)) ? 'resume' : 'pause'
    setText(outcome, `${verb}: asking the gateway`)
    const answer = await desk.ask(verb, { device: name })
    isAsking = false
    const text = answer.kind === 'ok' ? `${verb}: done` : `${verb}: ${answer.why}`
    setText(outcome, text)
    say(`${name}: ${text}`)
  })
  return {
    element: el('div', { class: 'acting' }, button, outcome),
    show: (device: Device) => {
      setText(button, isPaused(device) ? 'Resume' : 'Pause')
    },
  }
}

function isPaused(device: Device | undefined): boolean {
  return device?.report.channels.some(({ reason }) => reason === 'paused') ?? false
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

function showOwn(list: HTMLElement, { fleet }: Desk, name: string): void {
  const own = fleet.happenings.filter(({ device }) => device === name).slice(0, 20)
  if (own.length > 0) showHappenings(list, own)
  else setChildren(list, 'none', () => [el('li', {}, 'Nothing since this page was opened.')])
}
