/**
 * What a store says of itself: format version, id and its lives. Read before anything else in it.
 * @module
 */
import * as v from 'valibot'
import type { Disk, Random } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { LIVES_KEPT } from './limits.ts'

export const META_PATH = 'store.json'
export const STORE_FORMAT = 1
/** A store whose records are sealed, which a program that knows only plain ones must not touch. */
export const SEALED_STORE_FORMAT = 3
const STORE_ID_BYTES = 16
export const LIFE_BYTES = 16

export type StoreMeta = {
  /** 16 random bytes made when the store was created. */
  readonly storeId: Uint8Array
  /** 16 random bytes, new at every start: a peer that knows another one asks what was lost. */
  readonly life: Uint8Array
  /** How often the store was started, this time included. */
  readonly starts: number
  /** The lives before this one, oldest first; the last 64 at most. */
  readonly earlierLives: readonly Uint8Array[]
  /** The store's data keys, sealed with the operator's key; undefined when it is not encrypted. */
  readonly sealedRing: Uint8Array | undefined
}

const hexSchema = (bytes: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`)))

const commonEntries = {
  storeId: hexSchema(STORE_ID_BYTES),
  starts: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Newest last. */
  lives: v.array(hexSchema(LIFE_BYTES)),
}

const metaSchema = v.variant('format', [
  v.object({ format: v.literal(STORE_FORMAT), ...commonEntries }),
  v.object({
    format: v.literal(SEALED_STORE_FORMAT),
    ...commonEntries,
    keys: v.pipe(v.string(), v.regex(/^([0-9a-f]{2})+$/)),
  }),
])

type MetaFile = v.InferOutput<typeof metaSchema>

/**
 * Starts a new life of the store, creating the store when the folder is new; a new one is encrypted
 * when it is given the sealed ring of its keys.
 * @throws OperatorError when the store is of a newer version or its file is not readable
 */
export async function startLife(
  disk: Disk,
  random: Random,
  newRing?: Uint8Array,
): Promise<StoreMeta> {
  const before = await readFile(disk)
  const life = bytesToHex(random.bytes(LIFE_BYTES))
  const common = {
    storeId: before?.storeId ?? bytesToHex(random.bytes(STORE_ID_BYTES)),
    starts: (before?.starts ?? 0) + 1,
    lives: [...(before?.lives ?? []), life].slice(-LIVES_KEPT),
  }
  const ring = before ? ringOf(before) : newRing
  const file = fileOf(common, ring)
  await writeFile(disk, file)
  return toMeta(file)
}

/** Puts another sealed ring in place of the one that an encrypted store has. */
export async function replaceRing(disk: Disk, sealedRing: Uint8Array): Promise<void> {
  const { storeId, starts, lives } = present(await readFile(disk), 'the store exists')
  await writeFile(disk, fileOf({ storeId, starts, lives }, sealedRing))
}

/** The file of a copy of the store: the same id and lives, under a ring of its own. */
export function copyOfMeta(meta: StoreMeta, sealedRing: Uint8Array | undefined): Uint8Array {
  const lives = [...meta.earlierLives, meta.life].map(bytesToHex)
  const common = { storeId: bytesToHex(meta.storeId), starts: meta.starts, lives }
  return encodeFile(fileOf(common, sealedRing))
}

type Common = Pick<MetaFile, 'storeId' | 'starts' | 'lives'>

function fileOf(common: Common, sealedRing: Uint8Array | undefined): MetaFile {
  if (!sealedRing) return { format: STORE_FORMAT, ...common }
  return { format: SEALED_STORE_FORMAT, ...common, keys: bytesToHex(sealedRing) }
}

function ringOf(file: MetaFile): Uint8Array | undefined {
  return file.format === SEALED_STORE_FORMAT ? parseHex(file.keys) : undefined
}

function encodeFile(file: MetaFile): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`)
}

function writeFile(disk: Disk, file: MetaFile): Promise<void> {
  return disk.replace(META_PATH, encodeFile(file))
}

/** The store as it is, without starting a life; undefined when there is none. */
export async function readMeta(disk: Disk): Promise<StoreMeta | undefined> {
  const file = await readFile(disk)
  return file && toMeta(file)
}

async function readFile(disk: Disk): Promise<MetaFile | undefined> {
  const bytes = await disk.read(META_PATH)
  if (bytes === undefined) return refuseOrphans(disk)
  const value = parseJson(new TextDecoder().decode(bytes))
  const format = v.safeParse(v.object({ format: v.number() }), value)
  if (format.success && isNewer(format.output.format)) {
    throw new OperatorError(
      `the store was made by a newer version (format ${format.output.format}, this program reads ` +
        `${STORE_FORMAT} and ${SEALED_STORE_FORMAT}): upgrade this program`,
    )
  }
  const parsed = v.safeParse(metaSchema, value)
  if (parsed.success) return parsed.output
  throw new OperatorError(`${META_PATH} of the store is damaged: restore the store from a backup`)
}

function isNewer(format: number): boolean {
  return format > STORE_FORMAT && format !== SEALED_STORE_FORMAT
}

/**
 * A journal without its store file is half a store, and so is what an interrupted restore leaves:
 * starting a new one over it would bury it.
 */
async function refuseOrphans(disk: Disk): Promise<undefined> {
  if ((await disk.list('snapshot')).length > 0) {
    throw new OperatorError(
      `the store has a snapshot but no ${META_PATH}: restore the store from a backup, into an ` +
        'empty folder',
    )
  }
  if ((await disk.list('journal')).length === 0) return undefined
  throw new OperatorError(
    `the store has a journal but no ${META_PATH}: restore the store from a backup`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function toMeta(file: MetaFile): StoreMeta {
  const lives = file.lives.map((life) => parseHex(life) ?? new Uint8Array(0))
  return {
    storeId: parseHex(file.storeId) ?? new Uint8Array(0),
    life: lives.at(-1) ?? new Uint8Array(0),
    starts: file.starts,
    earlierLives: lives.slice(0, -1),
    sealedRing: ringOf(file),
  }
}
