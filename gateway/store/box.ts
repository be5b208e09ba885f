/**
 * Sealing as the parts of a store see it. The cipher behind it is in `io/aesBox.ts`.
 * @module
 */
import { bigEndian, concatBytes } from '../../protocol/bytes.ts'
import type { Seal } from './record.ts'

export type Box = {
  /** Id of the key that `seal` uses, 1..255. */
  readonly keyId: number
  /** Seals `plain`; it opens only beside the same `associated` bytes. */
  readonly seal: (associated: Uint8Array, plain: Uint8Array) => Uint8Array
  /** Undefined when `sealed` is not what was sealed with that key beside `associated`. */
  readonly open: (
    keyId: number,
    associated: Uint8Array,
    sealed: Uint8Array,
  ) => Uint8Array | undefined
}

/** Seals journal records, each for its position. */
export function journalSeal(box: Box): Seal {
  return {
    keyId: box.keyId,
    seal: (position, body) => box.seal(bigEndian(position, 8), body),
    open: (keyId, position, sealed) => box.open(keyId, bigEndian(position, 8), sealed),
  }
}

/** Sealed bytes that say themselves with which key: u8 key id, then what the box gave. */
export function sealTagged(box: Box, associated: Uint8Array, plain: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array([box.keyId]), box.seal(associated, plain))
}

/** Opens what `sealTagged` gave. */
export function openTagged(
  box: Box,
  associated: Uint8Array,
  bytes: Uint8Array,
): Uint8Array | undefined {
  return box.open(bytes[0] ?? 0, associated, bytes.subarray(1))
}
