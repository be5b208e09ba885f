/**
 * What devices and those who speak in their names did, counted by device: fed by what the gateway
 * notes anyway, never by a tick that was accepted.
 * @module
 */
import type { Trace } from '../trace.ts'
import type { TraceEvent } from '../traceRing.ts'
import { noSigns, type SignCounts, type SignName, signNames } from './observation.ts'
import { at, createRows, NO_ROW, put } from './rows.ts'

/** Devices that are counted, and so watched; of more than these the rest is not. */
export const WATCHED_MAX = 20_000

export type Signs = {
  readonly add: (fleet: string, device: string, sign: SignName) => void
  /** Of `fleet/device`; lent until it is asked for again. */
  readonly of: (name: string) => SignCounts
  /** Names of those that were counted, `fleet/device`. */
  readonly names: () => Iterator<string>
  readonly forget: (name: string) => void
  /** Devices that are counted. */
  readonly count: () => number
  /** How often a device was not counted for want of room. */
  readonly turnedAway: () => number
}

const nothing = noSigns()

export function createSigns(): Signs {
  const rows = createRows(WATCHED_MAX)
  const columns = signNames.map((sign) => ({ sign, column: rows.column(0) }))
  const columnOf = new Map(columns.map(({ sign, column }) => [sign, column]))
  const rowOf = new Map<string, number>()
  const lent = noSigns()
  let turnedAway = 0
  return {
    add: (fleet, device, sign) => {
      const name = `${fleet}/${device}`
      const row = rowOf.get(name) ?? rows.take()
      const column = columnOf.get(sign)
      if (row === NO_ROW || !column) {
        turnedAway += 1
        return
      }
      rowOf.set(name, row)
      put(column, row, at(column, row) + 1)
    },
    of: (name) => {
      const row = rowOf.get(name)
      if (row === undefined) return nothing
      for (const { sign, column } of columns) lent[sign] = at(column, row)
      return lent
    },
    names: () => rowOf.keys(),
    forget: (name) => {
      const row = rowOf.get(name)
      if (row !== undefined) rows.give(row)
      rowOf.delete(name)
    },
    count: () => rowOf.size,
    turnedAway: () => turnedAway,
  }
}

/** A gateway that does not watch counts nothing. */
export const noWatch: Signs = {
  add: () => {},
  of: () => nothing,
  names: () => new Set<string>().values(),
  forget: () => {},
  count: () => 0,
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
