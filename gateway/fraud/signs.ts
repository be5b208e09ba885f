/**
 * What devices and those who speak in their names did, counted by device: fed by what the gateway
 * notes anyway, never by a tick that was accepted.
 * @module
 */
import type { Trace, TraceEvent } from '../trace.ts'
import { noSigns, type SignCounts, type SignName } from './observation.ts'

/** Devices that are counted, and so watched; of more than these the rest is not. */
export const WATCHED_MAX = 20_000

export type Signs = {
  readonly add: (fleet: string, device: string, sign: SignName) => void
  readonly of: (fleet: string, device: string) => SignCounts
  /** Names of those that were counted, `fleet/device`. */
  readonly names: () => readonly string[]
  readonly forget: (name: string) => void
  /** How many devices were not counted for want of room. */
  readonly turnedAway: () => number
}

const nothing = noSigns()

export function createSigns(): Signs {
  const counts = new Map<string, Record<SignName, number>>()
  let turnedAway = 0
  return {
    add: (fleet, device, sign) => {
      const name = `${fleet}/${device}`
      let own = counts.get(name)
      if (!own && counts.size >= WATCHED_MAX) {
        turnedAway += 1
        return
      }
      own ??= noSigns()
      own[sign] += 1
      counts.set(name, own)
    },
    of: (fleet, device) => counts.get(`${fleet}/${device}`) ?? nothing,
    names: () => [...counts.keys()],
    forget: (name) => {
      counts.delete(name)
    },
    turnedAway: () => turnedAway,
  }
}

/** A gateway that does not watch counts nothing. */
export const noWatch: Signs = {
  add: () => {},
  of: () => nothing,
  names: () => [],
  forget: () => {},
  turnedAway: () => 0,
}

/** `trace`, whose notes are counted as well. */
export function countedTrace(trace: Trace, signs: Signs): Trace {
  const online = new Set<string>()
  return {
    ...trace,
    note: (fleet, device, event) => {
      trace.note(fleet, device, event)
      const name = `${fleet}/${device}`
      if (event.what === 'disconnected') online.delete(name)
      else if (event.what === 'connected') {
        signs.add(fleet, device, 'session')
        if (online.has(name)) signs.add(fleet, device, 'takeover')
        online.add(name)
      } else {
        const sign = signOf(event)
        if (sign) signs.add(fleet, device, sign)
      }
    },
  }
}

const refusals: Readonly<Record<string, SignName>> = {
  bad_word: 'bad_word',
  needs_checkpoint: 'gap_refused',
  out_of_range: 'gap_refused',
  wrong_price: 'price_refused',
  tariff_not_in_force: 'price_refused',
}

function signOf(event: TraceEvent): SignName | undefined {
  if (event.what !== 'refused' || !Object.hasOwn(refusals, event.reason)) return undefined
  return refusals[event.reason]
}
