/**
 * A gateway that lies: about what it holds, about what it has durable, and at the ledger.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { Claim, Ledger, StatementSubmission } from '../../ledger/ledger.ts'
import type { AckEntry, Held } from '../../protocol/messages.ts'
import { decodeAck, decodeSlot, encodeAck, encodeSlot } from '../../protocol/messages.ts'
import {
  CHECKPOINT,
  type Commitment,
  type Mandate,
  type Signed,
} from '../../protocol/structures.ts'

export type Liar = {
  /** Undefined: it tells the truth. */
  dice: Dice | undefined
  /** Undefined: it tells the truth about what is owed, to ledger and fleet. */
  ledgerDice: Dice | undefined
  /** More claims that nobody owes. */
  more: (claims: readonly Claim[], dice: Dice) => readonly Claim[]
  /** Its pending renewal of a channel, by the channel's id. */
  pendingOf: (channelId: Uint8Array) => Signed<Commitment> | undefined
  /** The mandate in force for a channel, by the channel's id. */
  mandateOf: (channelId: Uint8Array) => Signed<Mandate> | undefined
  /** What leaves in place of a message. */
  readonly twist: (topic: string, payload: Uint8Array) => Uint8Array
  /** Claims what nobody owes, repeats what was paid, then claims the truth. */
  readonly wrap: (ledger: Ledger) => Ledger
  /** Statements that it has handed in. */
  readonly former: StatementSubmission[]
}

export function honestLiar(): Liar {
  const liar: Liar = {
    dice: undefined,
    ledgerDice: undefined,
    more: () => [],
    pendingOf: () => undefined,
    mandateOf: () => undefined,
    former: [],
    twist: (topic, payload) => {
      const { dice } = liar
      if (!dice?.chance(0.4)) return payload
      if (topic.endsWith('/down/slot')) return twistSlot(payload, dice)
      return topic.endsWith('/down/ack') ? twistAck(payload, dice) : payload
    },
    wrap: (ledger) => ({
      ...ledger,
      submit: async (claims, key) => {
        const dice = liar.dice ?? liar.ledgerDice
        if (!dice) return ledger.submit(claims, key)
        const old = [...forge(claims, dice), ...early(claims, liar), ...invented(claims, liar)]
        const lies = liar.ledgerDice ? [...old, ...liar.more(claims, liar.ledgerDice)] : old
        await ledger.submit(lies, `${key}-lie`)
        const answer = await ledger.submit(claims, key)
        await ledger.submit([...claims, ...claims], `${key}-again`)
        return answer
      },
      submitStatement: async (submission, key) => {
        if (!liar.ledgerDice) return ledger.submitStatement(submission, key)
        const { statement } = submission
        for (const [place, change] of statementLies(submission).entries()) {
          await ledger.submitStatement({ ...submission, ...change }, `${key}-lie-${place}`)
        }
        const answer = await ledger.submitStatement(submission, key)
        await ledger.submitStatement({ ...submission, statement }, `${key}-again`)
        for (const former of liar.former.slice(-2)) {
          await ledger.submitStatement(former, `${key}-former`)
        }
        liar.former.push(submission)
        return answer
      },
    }),
  }
  return liar
}

/** With more in it, under the signatures of another, and with its own signature for the fleet's. */
function statementLies(submission: StatementSubmission): readonly Partial<StatementSubmission>[] {
  const { statement, gatewaySignature, fleetSignature } = submission
  return [
    { statement: { ...statement, total: statement.total + 100n } },
    { statement: { ...statement, sequence: statement.sequence + 1 } },
    { fleetSignature: gatewaySignature },
    { gatewaySignature: fleetSignature },
  ]
}

/** Renewals of which no word was shown. */
function early(claims: readonly Claim[], { pendingOf }: Liar): readonly Claim[] {
  return claims.flatMap((claim) => {
    const commitment = pendingOf(claim.commitment.value.channelId)
    return commitment ? [{ ...claim, commitment, index: 0, word: commitment.value.root }] : []
  })
}

/** Checkpoints that no device ever signed, and amounts under whatever mandate is in force. */
function invented(claims: readonly Claim[], { mandateOf }: Liar): readonly Claim[] {
  return claims.flatMap((claim) => {
    const { commitment } = claim
    const { value } = commitment
    const more = { ...commitment, value: { ...value, kind: CHECKPOINT, base: value.base + 400n } }
    const mandate = mandateOf(value.channelId) ?? claim.mandate
    return [
      { ...claim, commitment: more, index: 0, word: value.root },
      { ...claim, mandate },
    ]
  })
}

function twistSlot(payload: Uint8Array, dice: Dice): Uint8Array {
  const slot = decodeSlot(payload)
  if (!slot?.held) return payload
  return encodeSlot({ ...slot, held: twistHeld(slot.held, dice) })
}

function twistHeld(held: Held, dice: Dice): Held {
  const { commitment, index } = held
  const { value } = commitment
  const signed = (change: object) => ({ ...commitment, value: { ...value, ...change } })
  switch (dice.between(0, 3)) {
    case 0:
      return { ...held, index: Math.min(index + dice.between(1, 9), value.length) }
    case 1:
      return { ...held, word: new Uint8Array(32).fill(5) }
    case 2:
      return { ...held, commitment: signed({ base: value.base + 1_000n }) }
    default:
      return { ...held, commitment: signed({ epoch: value.epoch + 3 }) }
  }
}

function twistAck(payload: Uint8Array, dice: Dice): Uint8Array {
  const ack = decodeAck(payload)
  if (!ack) return payload
  const twist = (entry: AckEntry): AckEntry =>
    dice.chance(0.5)
      ? { ...entry, index: entry.index + dice.between(1, 200) }
      : { ...entry, epoch: entry.epoch + dice.between(1, 3), index: dice.between(0, 9) }
  return encodeAck({ ...ack, entries: ack.entries.map(twist) })
}

function forge(claims: readonly Claim[], dice: Dice): readonly Claim[] {
  return claims.map((claim) => {
    const { channel, commitment, index, mandate } = claim
    const { value } = commitment
    const terms = (change: object) => ({ ...commitment, value: { ...value, ...change } })
    switch (dice.between(0, 7)) {
      case 0:
        return { ...claim, index: index + 1 }
      case 1:
        return { ...claim, index: value.length + 1 }
      case 2:
        return { ...claim, commitment: terms({ base: value.base + 500n }) }
      case 3:
        return { ...claim, commitment: terms({ pricePerTick: value.pricePerTick * 2n }) }
      case 4:
        return { ...claim, channel: { ...channel, position: channel.position + 1 } }
      case 5:
        return { ...claim, channel: { ...channel, payee: new Uint8Array(20).fill(6) } }
      case 6: {
        const more = { ...mandate.value, limit: mandate.value.limit * 2n }
        return { ...claim, mandate: { ...mandate, value: more } }
      }
      default:
        return { ...claim, word: new Uint8Array(32).fill(index) }
    }
  })
}
