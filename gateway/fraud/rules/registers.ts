/**
 * Registers against each other: what a device reports may not go back, and what the provider's own
 * meter counts must be paid.
 * @module
 */
import type { MeterObservation } from '../observation.ts'
import { at, put, type Rows } from '../rows.ts'
import { defineRule, eachMeter, shown, threshold } from '../rule.ts'

export const registerBackwards = defineRule({
  about: 'a register that the device reports lower than before',
  thresholds: {
    ticks: threshold(2, 'ticks', 'by which it may be lower: what a restart forgets of one'),
  },
  begin: ({ ticks }, { meters }) => {
    const highest = meters.column(0)
    return eachMeter(({ register, unit, price }, row) => {
      if (register === undefined) return undefined
      const back = at(highest, row) - register
      const isBack = back > 0 && back > ticks * price.unitsPerTick
      // From here on, so that one step back is one finding.
      put(highest, row, isBack ? register : Math.max(at(highest, row), register))
      return back > ticks * price.unitsPerTick
        ? `its register went back by ${shown(back)} ${unit}, to ${shown(register)}`
        : undefined
    })
  },
})

type Anchor = { readonly provider: number; readonly paid: number; readonly atSeconds: number }

/** What may be missing for reasons that are nobody's fault. */
type Slack = { readonly ticks: number; readonly share: number; readonly lagSeconds: number }

export const meteredAgainstPaid = defineRule({
  about:
    "what the provider's own meter counts and nobody pays: a bypass, or a register that stands",
  thresholds: {
    ticks: threshold(3, 'ticks', 'that may be on their way'),
    share: threshold(0.025, 'of what is metered', 'by which two sound meters may differ'),
    lagSeconds: threshold(5, 's', 'by which either may be late'),
    windowSeconds: threshold(300, 's', 'after which both are set to zero again, at twice that'),
    settleSeconds: threshold(30, 's', 'after a connection before it is looked at'),
  },
  begin: ({ ticks, share, lagSeconds, windowSeconds, settleSeconds }, { meters }) => {
    const slack = { ticks, share, lagSeconds }
    const olders = anchors(meters)
    const newers = anchors(meters)
    const previous = anchors(meters)
    const onlineSeconds = meters.column(0)
    return eachMeter((meter, row, { atSeconds, online }) => {
      const { provider, paidReading } = meter
      if (!online) put(onlineSeconds, row, atSeconds)
      if (!provider || meter.epoch === 0) return undefined
      const now = {
        provider: provider.register,
        paid: paidReading,
        atSeconds: provider.atSeconds,
      }
      const known = olders.of(row)
      // Else the provider's meter was exchanged.
      const older = known && now.provider >= known.provider ? known : now
      if (older === now) olders.put(row, now)
      const newer = newers.of(row) ?? older
      if (newer === older) newers.put(row, older)
      // What is late is late by what flows now, which may be far above the mean.
      const last = previous.of(row)
      const rate = rateBetween(last ?? older, now)
      if (now.atSeconds !== last?.atSeconds) previous.put(row, now)
      const words =
        missing(meter, older, now, rate, slack, online) ??
        missing(meter, newer, now, rate, slack, online)
      if (now.atSeconds - newer.atSeconds >= windowSeconds && online) {
        olders.put(row, newer)
        newers.put(row, now)
      }
      const isSettling = online && atSeconds - at(onlineSeconds, row) < settleSeconds
      return isSettling ? undefined : words
    })
  },
})

/** An anchor of each meter, or none. */
function anchors(meters: Rows) {
  const providers = meters.column(Number.NaN)
  const paid = meters.column(0)
  const seconds = meters.column(0)
  return {
    of: (row: number): Anchor | undefined => {
      const provider = at(providers, row)
      if (Number.isNaN(provider)) return undefined
      return { provider, paid: at(paid, row), atSeconds: at(seconds, row) }
    },
    put: (row: number, anchor: Anchor) => {
      put(providers, row, anchor.provider)
      put(paid, row, anchor.paid)
      put(seconds, row, anchor.atSeconds)
    },
  }
}

function rateBetween(from: Anchor, to: Anchor): number {
  const seconds = to.atSeconds - from.atSeconds
  return seconds > 0 ? (to.provider - from.provider) / seconds : 0
}

function missing(
  { unit, price, creditTicks }: MeterObservation,
  from: Anchor,
  now: Anchor,
  unitsPerSecond: number,
  slack: Slack,
  online: boolean,
): string | undefined {
  const seconds = now.atSeconds - from.atSeconds
  const metered = now.provider - from.provider
  const paid = now.paid - from.paid
  if (seconds <= 0) return undefined
  // Without a connection a device may go on to the end of its credit window.
  const onTheirWay = (slack.ticks + (online ? 0 : creditTicks)) * price.unitsPerTick
  const lag = Math.max(metered / seconds, unitsPerSecond) * Math.min(slack.lagSeconds, seconds)
  return metered - paid > onTheirWay + metered * slack.share + lag
    ? `the provider's meter counted ${shown(metered)} ${unit} in ${shown(seconds)} s, and ` +
        `${shown(paid)} ${unit} were paid`
    : undefined
}
