/**
 * A look at the pages of an LMDB file before it is opened. LMDB maps the file into memory and
 * trusts it: one that was cut short or altered would end the process by a signal, without a line.
 *
 * ```
 * page = u64 number | u64 transaction | u16 pad | u16 flags | u16 lower | u16 upper | u16 offsets..
 * node = u16 low | u16 high | u16 flags | u16 key length | key | data
 * meta = page header | u32 magic | u32 version | u64 address | u64 map size | db free | db main |
 *        u64 last page | u64 transaction
 * db   = u32 pad (page size) | u16 flags | u16 depth | u64 x 3 pages | u64 entries | u64 root
 * ```
 *
 * All little-endian. Keys and values have no checksum there: what they say is checked where they
 * are read, and by `tickpay store verify`.
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const HEADER_BYTES = 24
/** Of free pages and of what is stored. */
const META_TREES = [48, 96] as const
const TREE_DEPTH = 6
const TREE_ROOT = 40
const META_PAGE_SIZE = 48
const META_LAST_PAGE = 144
const META_TRANSACTION = 152
const META_BYTES = 168
const NODE_BYTES = 8
const BRANCH = 0x01
const LEAF = 0x02
const OVERFLOW = 0x04
const BIG_DATA = 0x01
const NO_PAGE = 0xffff_ffff_ffff_ffffn
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536
/** Of larger databases only the places of the leaves are looked at, so that a start is fast. */
const WHOLE_BYTES_MAX = 64 * 1_024 * 1_024

type Database = {
  readonly file: number
  readonly pageBytes: number
  readonly pages: bigint
  readonly size: number
  readonly isWhole: boolean
}

/** Where the database file at `path` is damaged; undefined when it is sound, empty or not there. */
export function findDamage(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    // Not there, or not readable, which opening the database says better.
    return undefined
  }
  try {
    const { size } = fstatSync(file)
    return size === 0 ? undefined : damageIn(file, size)
  } finally {
    closeSync(file)
  }
}

function damageIn(file: number, size: number): string | undefined {
  const first = readAt(file, 0, META_BYTES)
  if (first.length < META_BYTES) return 'it is cut off in its first page'
  const pageBytes = first.readUInt32LE(META_PAGE_SIZE)
  const isSize = pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX
  if (!isSize || (pageBytes & (pageBytes - 1)) !== 0) return 'page 0 has no page size'
  const second = readAt(file, pageBytes, META_BYTES)
  if (second.length < META_BYTES) return 'it is cut off in its second page'
  const newest =
    second.readBigUInt64LE(META_TRANSACTION) > first.readBigUInt64LE(META_TRANSACTION)
      ? second
      : first
  const pages = newest.readBigUInt64LE(META_LAST_PAGE) + 1n
  const database = { file, pageBytes, pages, size, isWhole: size <= WHOLE_BYTES_MAX }
  for (const at of META_TREES) {
    const root = newest.readBigUInt64LE(at + TREE_ROOT)
    const levels = newest.readUInt16LE(at + TREE_DEPTH)
    const damage = root === NO_PAGE ? undefined : damageBelow(database, root, levels)
    if (damage !== undefined) return damage
  }
  return undefined
}

function readAt(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, at))
}

/** What is wrong with the place of a page, or of the pages from it on. */
function misplaced(database: Database, number: bigint, count: bigint): string | undefined {
  const { pages, pageBytes, size } = database
  if (number < 2n || number + count > pages) return `page ${number} is no page of it`
  return (number + count) * BigInt(pageBytes) > BigInt(size)
    ? `it is cut off before page ${number + count - 1n}`
    : undefined
}

/** `levels` of the tree are left, this page's own among them; leaves are on the last. */
function damageBelow(database: Database, number: bigint, levels: number): string | undefined {
  const wrong = misplaced(database, number, 1n)
  if (wrong !== undefined || (levels === 1 && !database.isWhole)) return wrong
  const { file, pageBytes } = database
  const page = readAt(file, Number(number) * pageBytes, pageBytes)
  const flags = page.readUInt16LE(18)
  const lower = page.readUInt16LE(20)
  const upper = page.readUInt16LE(22)
  const room = pageBytes - HEADER_BYTES
  const isPage = page.readBigUInt64LE(0) === number && flags === (levels === 1 ? LEAF : BRANCH)
  if (!isPage || lower > upper || upper > room || lower % 2 !== 0) {
    return alteredPage(database, number)
  }
  for (let node = 0; node < lower / 2; node++) {
    const at = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + 2 * node)
    const damage =
      at < HEADER_BYTES + upper || at + NODE_BYTES > pageBytes
        ? alteredPage(database, number)
        : damageOfNode(database, { page, at, number, levels })
    if (damage !== undefined) return damage
  }
  return undefined
}

function alteredPage({ pageBytes }: Database, number: bigint): string {
  return `page ${number} (byte ${Number(number) * pageBytes}) is altered`
}

type Node = {
  readonly page: Buffer
  readonly at: number
  readonly number: bigint
  readonly levels: number
}

function damageOfNode(database: Database, node: Node): string | undefined {
  const { page, at, number, levels } = node
  const { pageBytes } = database
  const length = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 65_536
  const nodeFlags = page.readUInt16LE(at + 4)
  const dataAt = at + NODE_BYTES + page.readUInt16LE(at + 6)
  const altered = alteredPage(database, number)
  if (dataAt > pageBytes) return altered
  if (levels > 1) {
    return damageBelow(database, BigInt(length) + BigInt(nodeFlags) * 0x1_0000_0000n, levels - 1)
  }
  if ((nodeFlags & BIG_DATA) === 0) return dataAt + length > pageBytes ? altered : undefined
  if (dataAt + 8 > pageBytes) return altered
  return damageOfOverflow(database, page.readBigUInt64LE(dataAt), length)
}

function damageOfOverflow(database: Database, number: bigint, length: number): string | undefined {
  const { file, pageBytes } = database
  const count = BigInt(Math.ceil((HEADER_BYTES + length) / pageBytes))
  const wrong = misplaced(database, number, count)
  if (wrong !== undefined) return wrong
  const head = readAt(file, Number(number) * pageBytes, HEADER_BYTES)
  return head.readBigUInt64LE(0) === number && (head.readUInt16LE(18) & OVERFLOW) !== 0
    ? undefined
    : alteredPage(database, number)
}
