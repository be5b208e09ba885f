/**
 * A gateway that lies: about what it holds, about what it has durable, and at the ledger.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { Claim, Ledger } from '../../ledger/ledger.ts'
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
  /** Its pending renewal of a channel, by the channel's id. */
  pendingOf: (channelId: Uint8Array) => Signed<Commitment> | undefined
  /** The mandate in force for a channel, by the channel's id. */
  mandateOf: (channelId: Uint8Array) => Signed<Mandate> | undefined
  /** What leaves in place of a message. */
  readonly twist: (topic: string, payload: Uint8Array) => Uint8Array
  /** Claims what nobody owes, repeats what was paid, then claims the truth. */
  readonly wrap: (ledger: Ledger) => Ledger
}

export function honestLiar(): Liar {
  const liar: Liar = {
    dice: undefined,
    pendingOf: () => undefined,
    mandateOf: () => undefined,
    twist: (topic, payload) => {
      const { dice } = liar
      if (!dice?.chance(0.4)) return payload
      if (topic.endsWith('/down/slot')) return twistSlot(payload, dice)
      return topic.endsWith('/down/ack') ? twistAck(payload, dice) : payload
    },
    wrap: (ledger) => ({
      ...ledger,
      submit: async (claims, key) => {
        const { dice } = liar
        if (!dice) return ledger.submit(claims, key)
        await ledger.submit(
          [...forge(claims, dice), ...early(claims, liar), ...invented(claims, liar)],
          `${key}-lie`,
        )
        const answer = await ledger.submit(claims, key)
        await ledger.submit([...claims, ...claims], `${key}-again`)
        return answer
      },
    }),
  }
  return liar
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
