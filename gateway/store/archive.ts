/**
 * A backup as one file: records as in the journal, each with one entry, hash-chained from first to
 * last, so that an altered, missing or cut-off part is found before anything is restored.
 *
 * ```
 * entry = u8 kind | CBOR array, or the bytes themselves of a part
 * order = head, about, (file, part*)*, end
 * ```
 *
 * Everything after the head is sealed when the head carries a sealed ring of keys.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'

export const ARCHIVE_VERSION = 1
/** What a part of a file has at most: small, so that a running gateway is not kept waiting. */
export const PART_BYTES_MAX = 256 * 1024
/** Bound of a record that is read: a part, or the list of files at the end. */
export const ARCHIVE_RECORD_BYTES_MAX = 16 * 1024 * 1024
/** The hash that the first record follows. */
export const archiveGenesis = sha256(utf8ToBytes('tickpay backup'))

export type ArchiveAbout = {
  readonly gateway: string
  readonly storeId: Uint8Array
  readonly createdAtSeconds: number
  /** The journal up to here is in the backup, with its hash. */
  readonly position: number
  readonly head: Uint8Array
}

export type ArchiveFile = {
  readonly path: string
  readonly bytes: number
  readonly hash: Uint8Array
}

export type ArchiveEntry =
  | {
      readonly kind: 'head'
      readonly version: number
      readonly sealedRing: Uint8Array | undefined
    }
  | { readonly kind: 'about'; readonly about: ArchiveAbout }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'part'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly files: readonly ArchiveFile[] }

const HEAD = 1
const ABOUT = 2
const FILE = 3
const PART = 4
const END = 5

export function encodeArchiveEntry(entry: ArchiveEntry): Uint8Array {
  switch (entry.kind) {
    case 'head':
      return tagged(HEAD, ['tickpay backup', entry.version, entry.sealedRing ?? null])
    case 'about': {
      const { gateway, storeId, createdAtSeconds, position, head } = entry.about
      return tagged(ABOUT, [gateway, storeId, createdAtSeconds, position, head])
    }
    case 'file':
      return tagged(FILE, [entry.path])
    case 'part':
      return concatBytes(new Uint8Array([PART]), entry.bytes)
    case 'end':
      return tagged(
        END,
        entry.files.map(({ path, bytes, hash }) => [path, bytes, hash]),
      )
  }
}

function tagged(kind: number, wire: WireValue): Uint8Array {
  return concatBytes(new Uint8Array([kind]), encodeCbor(wire))
}

/** Undefined for bytes that are no entry of this version. */
export function decodeArchiveEntry(bytes: Uint8Array): ArchiveEntry | undefined {
  const body = bytes.subarray(1)
  if (bytes[0] === PART) return { kind: 'part', bytes: body }
  const wire = decodeCbor(body, ARCHIVE_RECORD_BYTES_MAX)
  if (!Array.isArray(wire)) return undefined
  switch (bytes[0]) {
    case HEAD:
      return readHead(wire)
    case ABOUT:
      return readAbout(wire)
    case FILE:
      return typeof wire[0] === 'string' ? { kind: 'file', path: wire[0] } : undefined
    case END:
      return readEnd(wire)
    default:
      return undefined
  }
}

type Wires = readonly WireValue[]

function readHead([name, version, ring]: Wires): ArchiveEntry | undefined {
  if (name !== 'tickpay backup' || typeof version !== 'number') return undefined
  if (ring !== null && !(ring instanceof Uint8Array)) return undefined
  return { kind: 'head', version, sealedRing: ring ?? undefined }
}

/** CBOR gives integers from 2^32 on as bigint. */
function readInteger(wire: WireValue | undefined): number | undefined {
  return typeof wire === 'number' || typeof wire === 'bigint' ? Number(wire) : undefined
}

function readAbout([gateway, storeId, created, at, head]: Wires): ArchiveEntry | undefined {
  const createdAtSeconds = readInteger(created)
  const position = readInteger(at)
  if (typeof gateway !== 'string') return undefined
  if (createdAtSeconds === undefined || position === undefined) return undefined
  if (!(storeId instanceof Uint8Array && head instanceof Uint8Array)) return undefined
  return { kind: 'about', about: { gateway, storeId, createdAtSeconds, position, head } }
}

function readEnd(wire: Wires): ArchiveEntry | undefined {
  const files: ArchiveFile[] = []
  for (const one of wire) {
    const [path, size, hash] = Array.isArray(one) ? (one as Wires) : []
    const bytes = readInteger(size)
    if (typeof path !== 'string' || bytes === undefined) return undefined
    if (!(hash instanceof Uint8Array)) return undefined
    files.push({ path, bytes, hash })
  }
  return { kind: 'end', files }
}

const storePaths = [
  /^store\.json$/,
  /^(cold|ledger)\/data\.mdb$/,
  /^journal\/heads$/,
  /^journal\/[0-9a-f]{16}\.seg$/,
  /^snapshot\/[0-9a-f]{16}\.snap$/,
]

/** Paths that a backup may hold; nothing else is ever written into a folder that is restored. */
export function isStorePath(path: string): boolean {
  return storePaths.some((form) => form.test(path))
}
