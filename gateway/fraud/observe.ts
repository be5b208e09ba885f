/**
 * Makes an observation of a device from what the gateway holds: columns of its channels, and what
 * its session knows.
 * @module
 */
import type { Core } from '../core.ts'
import type { Session } from '../intake/session.ts'
import { wholeAt } from '../state/hotChannels.ts'
import type { DeviceObservation, MeterObservation, ProviderReading } from './observation.ts'

/** A slot of a device, as it was read once. */
type Slot = { readonly channel: number; readonly unit: string; readonly meter: string }

/** What is remembered of a device so that a look at it reads no database. */
export type Known = { channels: readonly number[]; slots: readonly Slot[] }

export type ProviderReadings = ReadonlyMap<string, ProviderReading>

export function providerKey(fleet: string, device: string, meter: string): string {
  return `${fleet}/${device}/${meter}`
}

export function observeDevice(
  core: Core,
  { fleet, device }: { readonly fleet: string; readonly device: string },
  known: Known,
  provider: ProviderReadings,
): DeviceObservation {
  const session = core.sessions.get(`${fleet}/${device}`)
  const channels = channelsOf(core, fleet, device, session, known)
  if (known.channels !== channels) {
    known.channels = channels
    known.slots = channels.map((channel) => {
      const { unit, channel: opened } = core.state.cold.channel(channel)
      return { channel, unit, meter: opened.meter }
    })
  }
  const atSeconds = core.writer.seconds()
  return {
    atSeconds,
    online: session !== undefined,
    cloneSuspected: session?.identified === 'by_login' && session.cloneSuspected.size > 0,
    signs: core.signs.of(fleet, device),
    meters: known.slots.map((slot, place) => {
      const reading = provider.get(providerKey(fleet, device, slot.meter))
      return observeMeter(core, session, place, slot, reading, atSeconds)
    }),
  }
}

/** As long as no session says otherwise they are those of the last one. */
function channelsOf(
  core: Core,
  fleet: string,
  device: string,
  session: Session | undefined,
  known: Known,
): readonly number[] {
  if (session?.greeted) return session.channels
  if (known.channels.length > 0) return known.channels
  return core.state.cold.device(fleet, device)?.channels ?? known.channels
}

function observeMeter(
  core: Core,
  session: Session | undefined,
  place: number,
  { channel, unit }: Slot,
  provider: ProviderReading | undefined,
  atSeconds: number,
): MeterObservation {
  const { columns, columns32 } = core.state.hot
  const unitsPerTick = wholeAt(columns32.unitsPerTick, channel)
  const index = columns.index[channel] ?? 0
  const register = session?.registers.get(place)
  const tariff = core.tariffs.inForce(unit, atSeconds)
  return {
    channel,
    unit,
    epoch: columns.epoch[channel] ?? 0,
    index,
    paidReading: wholeAt(columns32.startReading, channel) + index * unitsPerTick,
    register: register === undefined ? undefined : Number(register),
    price: { unitsPerTick, pricePerTick: wholeAt(columns32.pricePerTick, channel) },
    creditTicks: columns.creditTicks[channel] ?? 0,
    tariff: tariff && {
      unitsPerTick: Number(tariff.unitsPerTick),
      pricePerTick: Number(tariff.pricePerTick),
      validFrom: tariff.validFrom,
    },
    provider,
  }
}
