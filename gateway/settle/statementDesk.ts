/**
 * What a fleet asks about a statement and answers to it: its leaves in pages, and its co-signature.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { parsePublicKey, SIGNATURE_BYTES } from '../../protocol/keys.ts'
import { digestOf, signedToWire, statementStructure } from '../../protocol/structures.ts'
import type { Verb } from '../control/verb.ts'
import { verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { placeOf } from '../state/settled.ts'
import type { StatementUnderWay } from '../state/statements.ts'
import { leafOfChannel, strangersOf } from './leaves.ts'

/** About 100 bytes each: a page stays below the packet limit of fleet roles. */
const LEAVES_PER_PAGE_MAX = 400
/** Channels that one call looks at, so that others are served in between. */
const CHANNELS_PER_CALL_MAX = 16_384

/** `settle` runs a settlement, which hands what was co-signed to the ledger. */
export function statementVerbs(core: Core, settle: () => Promise<unknown>): Record<string, Verb> {
  const fleet = { fleet: idValue }
  const sequence = integerValue(1, Number.MAX_SAFE_INTEGER)
  const page = v.strictObject({
    ...fleet,
    sequence,
    from: v.optional(integerValue(0, 2 ** 32), 0),
  })
  const cosignature = v.strictObject({ ...fleet, sequence, signature: v.string() })
  return {
    statement: verb(v.strictObject(fleet), (args) => describe(core, args.fleet)),
    statement_leaves: verb(page, (args) => leavesPage(core, args.fleet, args.sequence, args.from)),
    cosign: verb(cosignature, async (args) => {
      const answer = cosign(core, args.fleet, args.sequence, args.signature)
      if (answer.status !== 'accepted') return answer
      await core.writer.drained()
      await settle()
      return outcomeOf(core, args.fleet, args.sequence)
    }),
  }
}

function underWayOf({ state }: Core, fleet: string): StatementUnderWay | undefined {
  const allocation = state.fleets.get(fleet)?.allocation
  return allocation && state.statements.underWay.get(bytesToHex(allocation))
}

function describe(core: Core, fleet: string) {
  const one = underWayOf(core, fleet)
  const allocation = core.state.fleets.get(fleet)?.allocation
  const lost = allocation && core.doubts.forgotten.get(bytesToHex(allocation))
  if (lost) {
    const { id, statementSequence: sequence } = lost
    return { state: 'forgotten', sequence, statement: null, allocation: bytesToHex(id) }
  }
  if (!one) return { state: 'none', sequence: 0, statement: null }
  return {
    state: one.fleetSignature ? 'cosigned' : 'waiting',
    sequence: one.statement.value.sequence,
    statement: bytesToHex(encodeCbor(signedToWire(statementStructure, one.statement))),
  }
}

function required(core: Core, fleet: string, sequence: number): StatementUnderWay {
  const one = underWayOf(core, fleet)
  if (one?.statement.value.sequence === sequence) return one
  throw new OperatorError(`no statement ${sequence} of fleet ${fleet} waits: ask for "statement"`)
}

/** Leaves of channels from number `from` on, and where the next page begins. */
function leavesPage(core: Core, fleet: string, sequence: number, from: number) {
  const { state } = core
  const { statement, leaves } = required(core, fleet, sequence)
  const { allocation } = statement.value
  const place = placeOf(state, allocation)
  const strangers = strangersOf(state, allocation)
  const count = state.hot.count()
  const end = Math.min(count + strangers.length, from + CHANNELS_PER_CALL_MAX)
  const page: (readonly [number, string, string])[] = []
  let channel = from
  for (; channel < end && page.length < LEAVES_PER_PAGE_MAX; channel++) {
    // Behind the channels come those that this store has lost.
    const lost = strangers[channel - count]
    if (!lost && state.hot.columns.allocation[channel] !== place) continue
    const amount = leaves.get(channel) ?? state.statements.stated.get(channel) ?? 0n
    const leaf = lost ?? leafOfChannel(state, channel, amount)
    if (leaf.amount === 0n) continue
    page.push([leaf.position, bytesToHex(leaf.channelId), leaf.amount.toString()])
  }
  return { leaves: page, next: channel < count + strangers.length ? channel : null }
}

/** Judges a co-signature by itself, whoever brings it, and journals what it accepts. */
function cosign(core: Core, fleet: string, sequence: number, hex: string) {
  const one = underWayOf(core, fleet)
  if (one?.statement.value.sequence !== sequence) return outcomeOf(core, fleet, sequence)
  const signature = parseHex(hex)
  const key = parsePublicKey(
    present(core.state.fleets.get(fleet), 'a fleet with a statement').signerKey,
  )
  const digest = digestOf(core.state.domain, statementStructure, one.statement.value)
  const isGood =
    key !== undefined &&
    signature?.length === SIGNATURE_BYTES &&
    core.verify(key, digest, signature)
  if (!isGood) return { sequence, status: 'bad_signature' }
  if (core.writer.seconds() > one.statement.value.expiry) return { sequence, status: 'expired' }
  if (!one.fleetSignature) {
    const { allocation } = one.statement.value
    core.writer.record({ kind: 'cosigned', allocation, signature })
  }
  return { sequence, status: 'accepted' }
}

/** `paid`: this statement or a later one is in force; `accepted`: the ledger has not answered. */
function outcomeOf(core: Core, fleet: string, sequence: number) {
  const { state } = core
  const allocation = state.fleets.get(fleet)?.allocation ?? new Uint8Array()
  const inForce = state.statements.inForce.get(bytesToHex(allocation))?.sequence ?? 0
  const waiting = underWayOf(core, fleet)
  if (inForce >= sequence) return { sequence, status: 'paid' }
  const isWaiting = waiting?.statement.value.sequence === sequence
  return { sequence, status: isWaiting ? 'accepted' : 'not_waiting' }
}
