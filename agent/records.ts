/**
 * The little that survives a restart, in one file: per meter the limits' counting and the reader's
 * offset, and the newest mark of the gateway. Written about once an hour; SD cards wear out.
 * @module
 */
import type { Disk, Log } from '../ports/index.ts'
import { bytesToHex, parseHex } from '../protocol/bytes.ts'
import type { Mark } from '../protocol/messages.ts'
import type { NewestChannel } from './channelPlace.ts'
import { type FleetOrders, readFleetOrders } from './fleetOrders.ts'
import type { SavedReader } from './meters/reader.ts'
import type { LimitRecord } from './ownLimits.ts'

/** What was known of a meter when it was last written, for people. */
export type LastSeen = {
  readonly atSeconds: number
  readonly units: bigint | undefined
  readonly unitsPaid: bigint | undefined
}

export type MeterRecord = {
  readonly limits: LimitRecord | undefined
  readonly reader: SavedReader | undefined
  readonly seen: LastSeen | undefined
  /** The newest `down/receipt`, as it came. */
  readonly receipt?: Uint8Array
}

export type AgentRecord = {
  readonly mark: Mark | undefined
  /** What the fleet ordered; undefined when it never did. */
  readonly orders?: FleetOrders | undefined
  readonly meters: ReadonlyMap<string, MeterRecord>
}

export const RECORD_FILE = 'agent.json'
const VERSION = 1

export type Records = {
  readonly meter: (name: string) => MeterRecord
  readonly mark: () => Mark | undefined
  /** Kept in memory until something else is written. */
  readonly setMark: (mark: Mark) => void
  readonly orders: () => FleetOrders | undefined
  /** Kept in memory until something else is written. */
  readonly keepOrders: (orders: FleetOrders) => void
  readonly saveOrders: () => Promise<void>
  /** Kept in memory until something else is written: SD cards wear out. */
  readonly keep: (name: string, change: Partial<MeterRecord>) => void
  /** Resolves once durable; rejects when the disk does not take it. */
  readonly save: (name: string, change: Partial<MeterRecord>) => Promise<void>
}

const nothing: MeterRecord = { limits: undefined, reader: undefined, seen: undefined }

/** Reads the record; one that cannot be read counts as missing, which the limits can bear. */
export async function openRecords(disk: Disk, log: Log): Promise<Records> {
  const bytes = await disk.read(RECORD_FILE)
  const found = bytes && parseRecord(new TextDecoder().decode(bytes))
  if (bytes && !found) {
    log('warn', 'the record of this agent cannot be read and counts as missing', {
      file: RECORD_FILE,
    })
  }
  const meters = new Map(found?.meters)
  let mark = found?.mark
  let orders = found?.orders
  let last: Promise<void> = Promise.resolve()
  const write = () => {
    const attempt = async () => {
      const text = `${formatRecord({ mark, orders, meters })}\n`
      await disk.replace(RECORD_FILE, new TextEncoder().encode(text))
    }
    const written = last.then(attempt, attempt)
    last = written.catch(() => undefined)
    return written
  }
  const keep = (name: string, change: Partial<MeterRecord>) => {
    meters.set(name, { ...(meters.get(name) ?? nothing), ...change })
  }
  return {
    meter: (name) => meters.get(name) ?? nothing,
    mark: () => mark,
    setMark: (newest) => {
      mark = newest
    },
    orders: () => orders,
    keepOrders: (newest) => {
      orders = newest
    },
    saveOrders: write,
    keep,
    save: (name, change) => {
      keep(name, change)
      return write()
    },
  }
}

const BIGINT = /^-?(0|[1-9]\d*)$/

/** Texts begin with their kind: `n` a number that JSON cannot carry, `x` bytes, `s` a text. */
function formatRecord(record: AgentRecord): string {
  const { mark, orders, meters } = record
  const value = { version: VERSION, mark, orders, meters: Object.fromEntries(meters) }
  return JSON.stringify(
    value,
    (_key, one: unknown) => {
      if (typeof one === 'bigint') return `n${one}`
      if (typeof one === 'string') return `s${one}`
      return one instanceof Uint8Array ? `x${bytesToHex(one)}` : one
    },
    2,
  )
}

/** The record in `text`; undefined when it is none. */
export function parseRecord(text: string): AgentRecord | undefined {
  let value: unknown
  try {
    value = JSON.parse(text, (_key, one: unknown) => revive(one))
  } catch {
    return undefined
  }
  if (!isObject(value) || value['version'] !== VERSION || !isObject(value['meters'])) {
    return undefined
  }
  const meters = new Map<string, MeterRecord>()
  for (const [name, one] of Object.entries(value['meters'])) {
    const record = isObject(one) ? readMeter(one) : undefined
    if (!record) return undefined
    meters.set(name, record)
  }
  const orders = readFleetOrders(value['orders'])
  return { mark: readMark(value['mark']), orders, meters }
}

function revive(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const content = value.slice(1)
  if (value.startsWith('n') && BIGINT.test(content)) return BigInt(content)
  if (value.startsWith('x')) return parseHex(content)
  return value.startsWith('s') ? content : undefined
}

type Fields = Record<string, unknown>
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

function readMeter(fields: Fields): MeterRecord | undefined {
  const limits = readLimits(fields['limits'])
  const reader = readReader(fields['reader'])
  const seen = readSeen(fields['seen'])
  if (limits === bad || reader === bad || seen === bad) return undefined
  // A receipt proves itself: a damaged one is none.
  const receipt = fields['receipt']
  return { limits, reader, seen, ...(receipt instanceof Uint8Array && { receipt }) }
}

const bad = Symbol('bad')

function readLimits(value: unknown): LimitRecord | undefined | typeof bad {
  if (value === undefined) return undefined
  if (!isObject(value)) return bad
  const { channelId, hour, hourBase, day, dayBase } = value
  if (!(channelId instanceof Uint8Array) || !isCount(hour) || !isCount(day)) return bad
  if (typeof hourBase !== 'bigint' || typeof dayBase !== 'bigint') return bad
  const place = readPlace(value['place'])
  return { channelId, hour, hourBase, day, dayBase, ...(place && { place }) }
}

function readPlace(value: unknown): NewestChannel | undefined {
  if (!isObject(value)) return undefined
  const { allocation, position, channelId, left } = value
  if (!(allocation instanceof Uint8Array) || !isCount(position)) return undefined
  if (!(channelId instanceof Uint8Array)) return { allocation, position }
  const ids = Array.isArray(left) ? left.filter((one) => one instanceof Uint8Array) : []
  return { allocation, position, channelId, ...(ids.length > 0 && { left: ids }) }
}

function readReader(value: unknown): SavedReader | undefined | typeof bad {
  if (value === undefined) return undefined
  if (!isObject(value)) return bad
  const { offset, lastRegister, bootId, meterNumber } = value
  if (typeof offset !== 'bigint' || typeof lastRegister !== 'bigint') return bad
  if (bootId !== undefined && !isCount(bootId)) return bad
  if (meterNumber !== undefined && typeof meterNumber !== 'string') return bad
  return { offset, lastRegister, bootId, meterNumber }
}

function readSeen(value: unknown): LastSeen | undefined | typeof bad {
  if (value === undefined) return undefined
  if (!isObject(value) || !isCount(value['atSeconds'])) return bad
  const { units, unitsPaid } = value
  if (units !== undefined && typeof units !== 'bigint') return bad
  if (unitsPaid !== undefined && typeof unitsPaid !== 'bigint') return bad
  return { atSeconds: value['atSeconds'], units, unitsPaid }
}

/** A mark only helps the gateway to notice a loss: a damaged one is left out. */
function readMark(value: unknown): Mark | undefined {
  if (!isObject(value)) return undefined
  const { life, position, seal } = value
  if (!(life instanceof Uint8Array) || !(seal instanceof Uint8Array)) return undefined
  if (life.length !== 16 || seal.length !== 16 || !isCount(position)) return undefined
  return { life, position, seal }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
