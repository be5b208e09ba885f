/**
 * Hot state: what every tick reads and writes, in typed arrays indexed by channel number. A
 * device's channels get neighbouring numbers, so one message touches one stretch of memory.
 * Everything else about a channel is cold.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { BIND_BYTES, WORD_BYTES } from '../../protocol/chain.ts'
import type { Register } from '../../protocol/channel.ts'
import { HASH_BUDGET_BURST } from '../../protocol/limits.ts'

/** Bytes a channel takes: the sum of the columns below. */
const layout = {
  epoch: { make: (n: number) => new Uint32Array(n), width: 1 },
  index: { make: (n: number) => new Uint32Array(n), width: 1 },
  length: { make: (n: number) => new Uint32Array(n), width: 1 },
  pendingEpoch: { make: (n: number) => new Uint32Array(n), width: 1 },
  pendingLength: { make: (n: number) => new Uint32Array(n), width: 1 },
  claimUntilSeconds: { make: (n: number) => new Float64Array(n), width: 1 },
  /** Supply ends at the earlier of mandate's and commitment's expiry; see `toSeconds32`. */
  mandateExpirySeconds: { make: (n: number) => new Uint32Array(n), width: 1 },
  commitmentExpirySeconds: { make: (n: number) => new Uint32Array(n), width: 1 },
  pendingExpirySeconds: { make: (n: number) => new Uint32Array(n), width: 1 },
  base: { make: (n: number) => new BigUint64Array(n), width: 1 },
  pricePerTick: { make: (n: number) => new BigUint64Array(n), width: 1 },
  unitsPerTick: { make: (n: number) => new BigUint64Array(n), width: 1 },
  startReading: { make: (n: number) => new BigUint64Array(n), width: 1 },
  /** Register at which the channel was opened. */
  firstReading: { make: (n: number) => new BigUint64Array(n), width: 1 },
  pendingPrice: { make: (n: number) => new BigUint64Array(n), width: 1 },
  pendingUnits: { make: (n: number) => new BigUint64Array(n), width: 1 },
  /** Cumulative amount that the ledger has paid. */
  paid: { make: (n: number) => new BigUint64Array(n), width: 1 },
  /** The mandate's ceiling of the cumulative amount. */
  limit: { make: (n: number) => new BigUint64Array(n), width: 1 },
  limitPerDay: { make: (n: number) => new BigUint64Array(n), width: 1 },
  /** Amount that was held when `day` began. */
  dayStart: { make: (n: number) => new BigUint64Array(n), width: 1 },
  day: { make: (n: number) => new Uint32Array(n), width: 1 },
  creditTicks: { make: (n: number) => new Uint32Array(n), width: 1 },
  /** Journal position of the last checkpoint: older than the fence means no new supply. */
  checkpointPosition: { make: (n: number) => new Float64Array(n), width: 1 },
  /** Tokens of the channel's hash budget and when they were counted (monotonic; not restored). */
  hashTokens: { make: (n: number) => new Float32Array(n).fill(HASH_BUDGET_BURST), width: 1 },
  hashAtMs: { make: (n: number) => new Float64Array(n), width: 1 },
  /** Index in the list of allocations, of which there are `ALLOCATIONS_MAX` at most. */
  allocation: { make: (n: number) => new Uint16Array(n), width: 1 },
  slot: { make: (n: number) => new Uint8Array(n), width: 1 },
  flags: { make: (n: number) => new Uint8Array(n), width: 1 },
  word: { make: (n: number) => new Uint8Array(n), width: WORD_BYTES },
  bind: { make: (n: number) => new Uint8Array(n), width: BIND_BYTES },
  pendingRoot: { make: (n: number) => new Uint8Array(n), width: WORD_BYTES },
  pendingBind: { make: (n: number) => new Uint8Array(n), width: BIND_BYTES },
} as const

export type Columns = { [Name in keyof typeof layout]: ReturnType<(typeof layout)[Name]['make']> }

const names = Object.keys(layout) as (keyof Columns)[]

export const ALLOCATIONS_MAX = 1 << 16

export const FLAG_CLOSED = 1
export const FLAG_PAUSED = 2
/** The claim window has passed: no word counts and nothing is reserved until a checkpoint. */
export const FLAG_LAPSED = 4

const SECONDS32_MAX = 0xffff_ffff
/** Half the width of a full time; what lies beyond 2106 ends then. */
export function toSeconds32(seconds: number): number {
  return Math.min(seconds, SECONDS32_MAX)
}

/** Bytes of hot state that one channel takes. */
export const HOT_BYTES = names.reduce((sum, name) => {
  const { make, width } = layout[name]
  return sum + make(1).BYTES_PER_ELEMENT * width
}, 0)

/** A register that knows whose it is, for those who read its words where they lie. */
export type HotRegister = Register & { readonly channel: number }

/**
 * Columns that a tick reads as 32-bit numbers: words, because a comparison takes four bytes at a
 * time, and amounts, because reading a `bigint` out of a column makes an object; see `wholeAt`.
 */
export type Columns32 = { readonly [Name in Column32]: Uint32Array }
const columns32 = [
  'word',
  'bind',
  'pendingRoot',
  'pendingBind',
  'base',
  'pricePerTick',
  'unitsPerTick',
  'startReading',
  'limit',
  'limitPerDay',
  'dayStart',
] as const
type Column32 = (typeof columns32)[number]

const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
const LOW = isLittleEndian ? 0 : 1

/**
 * A 64-bit element as a number: exact below 2^53, and otherwise the nearest that a number can say,
 * which is not below 2^53.
 */
export function wholeAt(column: Uint32Array, channel: number): number {
  const low = column[2 * channel + LOW] ?? 0
  const high = column[2 * channel + 1 - LOW] ?? 0
  return high * 0x1_0000_0000 + low
}

/** A channel number is a plain index, given out in order and never reused. */
export type HotChannels = {
  readonly columns: Columns
  readonly count: () => number
  /** Adds `channels` empty ones and returns the number of the first. */
  readonly add: (channels: number) => number
  /** The register of one channel: a view that the next call moves elsewhere. */
  readonly register: (channel: number) => HotRegister
  /** Some of the columns as 32-bit numbers; views that `add` replaces as it does the columns. */
  readonly columns32: Columns32
  /** All columns as one block, for a snapshot. */
  readonly serialise: () => Uint8Array
  /** The same into memory that is there: `HOT_BYTES` for each channel. */
  readonly serialiseInto: (block: Uint8Array) => void
}

/** Empty hot state, or the one that `serialise` wrote. */
export function hotChannels(serialised?: Uint8Array): HotChannels {
  let count = serialised ? serialised.length / HOT_BYTES : 0
  assert(Number.isInteger(count), 'a snapshot holds whole channels')
  let capacity = Math.max(64, count)
  const columns = makeColumns(capacity)
  if (serialised) {
    readColumns(columns, serialised, count)
    columns.hashTokens.fill(HASH_BUDGET_BURST)
    columns.hashAtMs.fill(0)
  }
  const view = new RegisterView(columns)
  const numbers = numbersOf(columns)
  const grow = (needed: number) => {
    capacity = Math.max(needed, capacity * 2)
    const larger = makeColumns(capacity)
    for (const name of names) (larger[name] as Uint8Array).set(columns[name] as Uint8Array)
    Object.assign(columns, larger)
    Object.assign(numbers, numbersOf(columns))
  }
  return {
    columns,
    columns32: numbers,
    count: () => count,
    add: (channels) => {
      if (count + channels > capacity) grow(count + channels)
      count += channels
      return count - channels
    },
    register: (channel) => view.at(channel),
    serialise: () => {
      const block = new Uint8Array(HOT_BYTES * count)
      writeColumns(columns, count, block)
      return block
    },
    serialiseInto: (block) => writeColumns(columns, count, block),
  }
}

function makeColumns(capacity: number): Columns {
  return Object.fromEntries(
    names.map((name) => [name, layout[name].make(capacity * layout[name].width)]),
  ) as Columns
}

function numbersOf(columns: Columns): Columns32 {
  const views = columns32.map((name) => {
    const { buffer, byteOffset, byteLength } = columns[name]
    return [name, new Uint32Array(buffer, byteOffset, byteLength / 4)]
  })
  return Object.fromEntries(views) as Columns32
}

function columnBytes(columns: Columns, name: keyof Columns, count: number): Uint8Array {
  const column = columns[name]
  const bytes = column.BYTES_PER_ELEMENT * layout[name].width * count
  return new Uint8Array(column.buffer, column.byteOffset, bytes)
}

function writeColumns(columns: Columns, count: number, block: Uint8Array): void {
  assert(block.length === HOT_BYTES * count, 'a block holds all columns')
  let offset = 0
  for (const name of names) {
    const bytes = columnBytes(columns, name, count)
    block.set(bytes, offset)
    offset += bytes.length
  }
}

function readColumns(columns: Columns, block: Uint8Array, count: number): void {
  let offset = 0
  for (const name of names) {
    const bytes = columnBytes(columns, name, count)
    bytes.set(block.subarray(offset, offset + bytes.length))
    offset += bytes.length
  }
}

/**
 * One object for all channels: a tick allocates nothing here. Each column by its own name: looked
 * up by a name in a variable, the eleven reads of a tick took longer than its hash.
 */
class RegisterView implements HotRegister {
  channel = 0
  private readonly columns: Columns

  constructor(columns: Columns) {
    this.columns = columns
  }

  at(channel: number): this {
    this.channel = channel
    return this
  }

  get epoch() {
    return this.columns.epoch[this.channel] ?? 0
  }
  get index() {
    return this.columns.index[this.channel] ?? 0
  }
  get length() {
    return this.columns.length[this.channel] ?? 0
  }
  get word() {
    return bytesAt(this.columns.word, this.channel, WORD_BYTES)
  }
  get bind() {
    return bytesAt(this.columns.bind, this.channel, BIND_BYTES)
  }
  get pendingEpoch() {
    return this.columns.pendingEpoch[this.channel] ?? 0
  }
  get pendingLength() {
    return this.columns.pendingLength[this.channel] ?? 0
  }
  get pendingRoot() {
    return bytesAt(this.columns.pendingRoot, this.channel, WORD_BYTES)
  }
  get pendingBind() {
    return bytesAt(this.columns.pendingBind, this.channel, BIND_BYTES)
  }
  get claimUntilSeconds() {
    return this.has(FLAG_LAPSED) ? 0 : (this.columns.claimUntilSeconds[this.channel] ?? 0)
  }
  get closed() {
    return this.has(FLAG_CLOSED)
  }

  private has(flag: number): boolean {
    return ((this.columns.flags[this.channel] ?? 0) & flag) !== 0
  }
}

function bytesAt(column: Uint8Array, channel: number, width: number): Uint8Array {
  return column.subarray(channel * width, (channel + 1) * width)
}

type ColumnOf<T> = { [N in keyof Columns]: Columns[N] extends T ? N : never }[keyof Columns]
export type BigColumn = ColumnOf<BigUint64Array>

/** Reads a 64-bit column; a missing element is a bug. */
export function big(hot: HotChannels, name: BigColumn, channel: number): bigint {
  const value = hot.columns[name][channel]
  assert(value !== undefined, 'the channel exists')
  return value
}

/** Cumulative amount of the held word. */
export function heldAmount(hot: HotChannels, channel: number): bigint {
  const index = BigInt(hot.columns.index[channel] ?? 0)
  return big(hot, 'base', channel) + index * big(hot, 'pricePerTick', channel)
}

/** Register that the held word has reached. */
export function heldReading(hot: HotChannels, channel: number): bigint {
  const index = BigInt(hot.columns.index[channel] ?? 0)
  return big(hot, 'startReading', channel) + index * big(hot, 'unitsPerTick', channel)
}

/** The highest worst case of the live commitments, never their sum; 0 before the first. */
export function worstAmount(hot: HotChannels, channel: number): bigint {
  const { columns } = hot
  const length = BigInt(columns.length[channel] ?? 0)
  const end = big(hot, 'base', channel) + length * big(hot, 'pricePerTick', channel)
  if ((columns.pendingEpoch[channel] ?? 0) === 0) return end
  const pendingLength = BigInt(columns.pendingLength[channel] ?? 0)
  return end + pendingLength * big(hot, 'pendingPrice', channel)
}

/** What is set aside for this channel beyond what the ledger has paid for it. */
export function reservedAmount(hot: HotChannels, channel: number): bigint {
  const reserved = promisedAmount(hot, channel) - big(hot, 'paid', channel)
  return reserved > 0n ? reserved : 0n
}

/** What the channel may come to: nothing more than is held once no word counts any more. */
export function promisedAmount(hot: HotChannels, channel: number): bigint {
  const ended = isClosed(hot, channel) || isLapsed(hot, channel)
  return ended ? heldAmount(hot, channel) : worstAmount(hot, channel)
}

export function isClosed(hot: HotChannels, channel: number): boolean {
  return ((hot.columns.flags[channel] ?? 0) & FLAG_CLOSED) !== 0
}

/** The claim window has passed, and no checkpoint has begun a new one. */
export function isLapsed(hot: HotChannels, channel: number): boolean {
  return ((hot.columns.flags[channel] ?? 0) & FLAG_LAPSED) !== 0
}
