/**
 * What the gateway knows of a fleet as a whole: retained for whoever watches it.
 * @module
 */
import { equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import { heldAmount, isClosed, reservedAmount } from '../state/hotChannels.ts'
import type { Fleet } from '../state/state.ts'

/** Where a message must be made to be kept: a sum over so many takes some 20 ms. */
const CHANNELS_UNREAD_MAX = 20_000

/** Retains the status of fleets; where nobody reads it, it is not made. */
export function publishStatuses(core: Core, fleets: Iterable<string>): void {
  const { link, writer } = core
  for (const name of fleets) {
    const fleet = core.state.fleets.get(name)
    if (!fleet) continue
    const topic = formatTopic({ kind: 'fleet', fleet: name, name: 'status' })
    const make = () => utf8ToBytes(JSON.stringify(fleetStatus(core, name, fleet)))
    if (link.offer) {
      link.offer(topic, (hand) => {
        const payload = make()
        writer.whenDurable(() => hand(payload))
      })
    } else if (core.state.hot.count() <= CHANNELS_UNREAD_MAX) {
      const payload = make()
      writer.whenDurable(() => link.publish(topic, payload, { retain: true }))
    }
  }
}

/** Amounts are decimal strings in minor units. */
export function fleetStatus(core: Core, name: string, { allocation }: Fleet) {
  const { asset } = core.config
  const funds = core.funds.state(allocation)
  return {
    fleet: name,
    gateway: core.config.gateway,
    timeSeconds: core.writer.seconds(),
    asset,
    paused: core.policies.policy(name, 'fleet').paused === true,
    devicesOnline: onlineOf(core, name),
    ...sumsOf(core, allocation),
    setAside: `${funds?.setAside ?? 0n}`,
    available: `${funds?.available ?? 0n}`,
  }
}

function onlineOf({ sessions }: Core, fleet: string): number {
  let online = 0
  for (const session of sessions.values()) if (session.fleet === fleet) online += 1
  return online
}

function sumsOf({ state }: Core, allocation: Uint8Array) {
  const { hot } = state
  const place = state.allocations.findIndex(({ id }) => equalBytes(id, allocation))
  const sums = { accepted: 0n, reserved: 0n, settled: 0n, exposure: 0n }
  let channels = 0
  for (let channel = 0; channel < hot.count(); channel++) {
    if (hot.columns.allocation[channel] !== place) continue
    const held = heldAmount(hot, channel)
    const paid = hot.columns.paid[channel] ?? 0n
    if (!isClosed(hot, channel)) channels += 1
    sums.accepted += held
    sums.settled += paid
    sums.reserved += reservedAmount(hot, channel)
    sums.exposure += held > paid ? held - paid : 0n
  }
  const texts = Object.entries(sums).map(([name, sum]) => [name, `${sum}`])
  return { channels, ...Object.fromEntries(texts) }
}
