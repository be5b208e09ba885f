/**
 * Marks: proofs of journal positions that devices keep for the gateway. A device that returns a
 * later one than the journal can explain has seen state that was since lost.
 * @module
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bigEndian, bytesToHex, concatBytes, equalSecrets, utf8ToBytes } from '../protocol/bytes.ts'
import type { PrivateKey } from '../protocol/keys.ts'
import type { Mark } from '../protocol/messages.ts'
import type { Life } from './state/state.ts'

const SEAL_BYTES = 16

export type Marks = {
  /** The mark of a durable position in the present life. */
  readonly at: (position: number) => Mark
  /** True when this gateway made the mark. */
  readonly isOurs: (mark: Mark) => boolean
}

/** Marks sealed with a key that only this gateway can derive, in this life and in all others. */
export function createMarks(gatewayKey: PrivateKey, life: Uint8Array): Marks {
  const sealKey = hkdf(sha256, gatewayKey.bytes, undefined, utf8ToBytes('tickpay mark'), 32)
  const seal = (one: Uint8Array, position: number) =>
    hmac(sha256, sealKey, concatBytes(one, bigEndian(BigInt(position), 8))).slice(0, SEAL_BYTES)
  let newest: Mark | undefined
  return {
    at: (position) => {
      if (newest?.position !== position) newest = { life, position, seal: seal(life, position) }
      return newest
    },
    isOurs: (mark) => equalSecrets(seal(mark.life, mark.position), mark.seal),
  }
}

/**
 * True when `mark` speaks of a position that the journal has since given to something else: the
 * store was restored from an older copy.
 */
export function isBeyondJournal(mark: Mark, lives: readonly Life[], head: number): boolean {
  const name = bytesToHex(mark.life)
  const place = lives.findIndex(({ life }) => bytesToHex(life) === name)
  if (place < 0) return true
  const next = lives[place + 1]
  return next ? mark.position >= next.position : mark.position > head
}
