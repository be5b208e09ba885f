/**
 * The hash chains and signatures behind the payer's terms, and the check of what a gateway claims
 * to hold: every word is recomputed from the root secret, so it cannot claim too much.
 * @module
 */
import { bytesToHex, equalBytes } from '../protocol/bytes.ts'
import type { Chain, Terms } from '../protocol/chain.ts'
import { buildChain, termsHash } from '../protocol/chain.ts'
import { amountAt, readingAt } from '../protocol/channel.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { verifyDigest } from '../protocol/keys.ts'
import { EPOCH_LENGTH_TICKS_MAX } from '../protocol/limits.ts'
import type { Held } from '../protocol/messages.ts'
import type { Commitment, Signed } from '../protocol/structures.ts'
import { commitmentStructure, digestOf, RENEWAL } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import type { Proof } from './payerState.ts'

/** What is there at once, or comes later. */
export type SoonOrNow<T> = T | Promise<T>

/**
 * The device's key, wherever it lives: one in this process signs at once, one in hardware takes its
 * time and may fail, which rejects with what an operator can do.
 */
export type Signer = {
  readonly publicKey: PublicKey
  readonly sign: (digest: Uint8Array) => SoonOrNow<Uint8Array>
}

export type Epochs = {
  /**
   * Builds the chain of new terms and signs its commitment; the same terms give the same bytes, and
   * are not signed twice at a time.
   */
  readonly commit: (terms: Terms) => SoonOrNow<Signed<Commitment>>
  readonly wordAt: (terms: Terms, index: number) => Uint8Array
  /** Judges what the gateway says it holds of a channel. */
  readonly prove: (
    channelId: Uint8Array,
    held: Held | undefined,
    pending: Signed<Commitment> | undefined,
  ) => Proof
}

type Entry = {
  readonly terms: Terms
  chain?: Chain
  signed?: Signed<Commitment>
  /** A signature in progress; gone when it failed, so that it can be asked for again. */
  signing?: Promise<Signed<Commitment>> | undefined
}

/** Commitments whose chain is kept: the running one, its renewal, one on its way, one to spare. */
const ENTRIES_MAX = 4

export function createEpochs(domain: Domain, signer: Signer, rootSecret: Uint8Array): Epochs {
  const recent = new Map<string, Entry>()
  /** Hashing the terms for every tick would cost more than the tick. */
  const byTerms = new WeakMap<Terms, Entry>()

  const entryOf = (terms: Terms): Entry => {
    const known = byTerms.get(terms)
    if (known) return known
    const id = bytesToHex(termsHash(terms))
    const entry = recent.get(id) ?? { terms }
    recent.delete(id)
    recent.set(id, entry)
    byTerms.set(terms, entry)
    const [oldest] = recent.keys()
    if (recent.size > ENTRIES_MAX && oldest !== undefined) recent.delete(oldest)
    return entry
  }
  const chainOf = (entry: Entry): Chain => {
    entry.chain ??= buildChain(rootSecret, entry.terms)
    return entry.chain
  }

  const commit: Epochs['commit'] = (terms) => {
    const entry = entryOf(terms)
    const started = entry.signed ?? entry.signing
    if (started) return started
    const answer = sign(domain, signer, { ...entry.terms, root: chainOf(entry).root })
    if (answer instanceof Promise) entry.signing = whenSigned(entry, answer)
    else entry.signed = answer
    return entry.signing ?? answer
  }

  /** The terms of a commitment that this device made; undefined when it did not. */
  const own = (channelId: Uint8Array, signed: Signed<Commitment>): Terms | undefined => {
    const { root, ...terms } = signed.value
    const { length } = terms
    if (!equalBytes(terms.channelId, channelId)) return undefined
    if (length < 1 || length > EPOCH_LENGTH_TICKS_MAX || terms.unitsPerTick < 1n) return undefined
    const entry = entryOf(terms)
    if (!entry.signed) {
      // Before the chain, which costs thirty times as much.
      const digest = digestOf(domain, commitmentStructure, signed.value)
      if (!verifyDigest(signer.publicKey, digest, signed.signature)) return undefined
    }
    if (!equalBytes(chainOf(entry).root, root)) return undefined
    entry.signed ??= signed
    return entry.terms
  }

  const prove: Epochs['prove'] = (channelId, held, pending) => {
    if (!held) return pending ? 'gateway_lied' : { held: undefined, pending: undefined }
    const terms = own(channelId, held.commitment)
    if (!terms || held.index > terms.length) return 'gateway_lied'
    if (!equalBytes(chainOf(entryOf(terms)).wordAt(held.index), held.word)) return 'gateway_lied'
    const proven = { terms, index: held.index }
    if (!pending) return { held: proven, pending: undefined }
    const renewal = own(channelId, pending)
    return renewal && continues(terms, renewal)
      ? { held: proven, pending: renewal }
      : 'gateway_lied'
  }

  return { commit, wordAt: (terms, index) => chainOf(entryOf(terms)).wordAt(index), prove }
}

function sign(domain: Domain, signer: Signer, value: Commitment): SoonOrNow<Signed<Commitment>> {
  const answer = signer.sign(digestOf(domain, commitmentStructure, value))
  return answer instanceof Promise
    ? answer.then((signature) => ({ value, signature }))
    : { value, signature: answer }
}

async function whenSigned(
  entry: Entry,
  answer: Promise<Signed<Commitment>>,
): Promise<Signed<Commitment>> {
  try {
    entry.signed ??= await answer
    return entry.signed
  } finally {
    entry.signing = undefined
  }
}

/**
 * A renewal of another epoch, shown as this one's, would make the device pay for what was never
 * metered; one with another price or step lies on another line.
 */
function continues(running: Terms, renewal: Terms): boolean {
  return (
    renewal.kind === RENEWAL &&
    renewal.epoch > running.epoch &&
    renewal.base === amountAt(running, running.length) &&
    renewal.startReading === readingAt(running, running.length) &&
    renewal.unitsPerTick === running.unitsPerTick &&
    renewal.pricePerTick === running.pricePerTick
  )
}
