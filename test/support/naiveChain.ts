/**
 * The chain the slow and obvious way, with node:crypto, as docs/protocol.md writes it down.
 * @module
 */
import { createHash } from 'node:crypto'
import { bindOf, lastWord, type Terms } from '../../protocol/chain.ts'

/** w_{index - 1} of w_index. */
export function naiveStep(bind: Uint8Array, index: number, word: Uint8Array): Uint8Array {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(index)
  const hash = createHash('sha256').update('TP').update(Buffer.of(1)).update(bind)
  return Uint8Array.from(hash.update(number).update(word).digest())
}

/** All words, w_0 first. */
export function naiveChain(rootSecret: Uint8Array, terms: Terms): readonly Uint8Array[] {
  const words = [lastWord(rootSecret, terms)]
  const bind = bindOf(terms)
  for (let index = terms.length; index > 0; index--) {
    words.push(naiveStep(bind, index, words[words.length - 1] ?? new Uint8Array()))
  }
  return words.reverse()
}
