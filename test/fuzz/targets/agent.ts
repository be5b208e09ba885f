/**
 * An agent with a gateway that lies: beside the true messages of a real gateway it hears others,
 * with prices and mandates that are signed, proofs that are not its own, refusals for any reason,
 * and damaged bytes. It never throws, never shows more than its meter has counted, and stays within
 * the limits that its owner gave it.
 * @module
 */
import { heldAmount } from '../../../gateway/state/hotChannels.ts'
import { present } from '../../../protocol/assert.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import { signDigest } from '../../../protocol/keys.ts'
import * as messages from '../../../protocol/messages.ts'
import { commitmentReasons, supplyReasons, tickReasons } from '../../../protocol/reasons.ts'
import type { Commitment, Mandate, Tariff } from '../../../protocol/structures.ts'
import {
  commitmentStructure,
  digestOf,
  mandateStructure,
  tariffStructure,
} from '../../../protocol/structures.ts'
import { downNames } from '../../../protocol/topics.ts'
import { alterAt, messageKinds, pathsOf } from '../../support/messageSamples.ts'
import { gatewayKey, signerKey, testTariff } from '../../support/virtualGateway.ts'
import type { Site } from '../../unit/agent/support/site.ts'
import { booksOf, deviceKey, startSite } from '../../unit/agent/support/site.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'
import { someValue } from './cbor.ts'

const OPS_MAX = 16
const amountPerHour = 30_000n

const numbers = [0n, 1n, 10n, 300n, 1_000n, 1n << 32n, (1n << 63n) - 1n, (1n << 64n) - 1n] as const

function someTariff(dice: Dice): Tariff {
  return {
    ...testTariff(),
    ...(dice.oneIn(3) ? { pricePerTick: dice.pick(numbers) } : {}),
    ...(dice.oneIn(4) ? { unitsPerTick: dice.pick(numbers) } : {}),
    ...(dice.oneIn(4) ? { creditTicks: dice.pick([0, 1, 65_536, 0xffff_ffff]) } : {}),
    ...(dice.oneIn(4) ? { validFrom: dice.pick([0, 4_000_000_000]) } : {}),
    ...(dice.oneIn(4) ? { validUntil: dice.pick([0, 1, 4_000_000_000]) } : {}),
    ...(dice.oneIn(6) ? { unit: dice.pick(['mL', '', 'Wh']) } : {}),
  }
}

/** What the gateway holds of the one channel, as a proof that may be someone else's or older. */
function someHeld(dice: Dice, { world, channelIds }: Site): messages.Held | undefined {
  const { hot, cold } = world.gateway.core.state
  const { epoch, index } = hot.register(0)
  const own = cold.commitment(0, epoch)
  if (!own || dice.oneIn(5)) return undefined
  const value: Commitment = {
    ...own.value,
    ...(dice.oneIn(3) ? { base: dice.pick(numbers) } : {}),
    ...(dice.oneIn(4) ? { startReading: dice.pick(numbers) } : {}),
    ...(dice.oneIn(4) ? { epoch: dice.pick([0, 1, 2, 0xffff_ffff]) } : {}),
    ...(dice.oneIn(4) ? { length: dice.pick([1, 65_536, 0xffff_ffff]) } : {}),
    ...(dice.oneIn(6) ? { root: dice.bytes(32) } : {}),
    ...(dice.oneIn(6) ? { channelId: dice.pick([dice.bytes(32), ...channelIds]) } : {}),
  }
  // A device with another's key, or its own words of another time: the signature is even right.
  const digest = digestOf(world.ledger.domain, commitmentStructure, value)
  const signature = dice.oneIn(3) ? dice.bytes(64) : signDigest(deviceKey, digest)
  const word = dice.oneIn(2) ? dice.bytes(32) : hot.register(0).word.slice()
  const shown = dice.oneIn(3) ? dice.below(value.length + 1) : Math.min(index, value.length)
  return { commitment: { value, signature }, index: shown, word }
}

const levels = ['on', 'limited', 'off'] as const
const supplyOf = (dice: Dice) => ({ level: dice.pick(levels), reason: dice.pick(supplyReasons) })
const reasons = [...new Set([...Object.keys(tickReasons), ...Object.keys(commitmentReasons)])]
const refusedNames = ['tick', 'commit', 'open', 'hello', 'reading', 'close'] as const

function someMark(dice: Dice): messages.Mark {
  const position = dice.pick([0, 1, 1_000_000, Number.MAX_SAFE_INTEGER])
  return { life: dice.bytes(16), position, seal: dice.bytes(16) }
}

function someSlot(dice: Dice, site: Site): Uint8Array {
  const { state } = site.world.gateway.core
  const { channel } = state.cold.channel(0)
  const now = Math.floor(site.world.ports.clock.nowMs() / 1_000)
  const mandate: Mandate = {
    channelId: present(site.channelIds[0], 'a channel'),
    sequence: dice.pick([0, 1, 2, 99]),
    limit: dice.pick(numbers),
    limitPerDay: dice.pick(numbers),
    notBefore: dice.pick([0, now, now + 60]),
    expiry: dice.pick([0, now, now + 60, now + 86_400, 4_000_000_000]),
    claimUntil: dice.pick([0, now, now + 86_400, 4_000_000_000]),
  }
  const digest = digestOf(site.world.ledger.domain, mandateStructure, mandate)
  const signature = signDigest(dice.oneIn(4) ? gatewayKey : signerKey, digest)
  return messages.encodeSlot({
    slot: dice.below(2),
    channel: dice.oneIn(4) ? { ...channel, salt: dice.bytes(32) } : channel,
    mandate: dice.oneIn(4) ? undefined : { value: mandate, signature },
    held: someHeld(dice, site),
    pending: someHeld(dice, site)?.commitment,
    maxLength: dice.pick([0, 1, 100, 65_536, 0xffff_ffff]),
    supply: supplyOf(dice),
  })
}

function someWelcome(dice: Dice, { world }: Site): Uint8Array {
  const tariffs = Array.from({ length: dice.below(4) }, () => {
    const value = someTariff(dice)
    const digest = digestOf(world.ledger.domain, tariffStructure, value)
    return { value, signature: signDigest(dice.oneIn(5) ? signerKey : gatewayKey, digest) }
  })
  const timeSeconds = dice.pick([0, 1_767_225_600, 4_000_000_000])
  return messages.encodeWelcome({ timeSeconds, mark: someMark(dice), tariffs, slots: 1 })
}

type Lie = readonly [(typeof downNames)[number], Uint8Array]

function someLie(dice: Dice, site: Site): Lie {
  const { epoch, index } = site.world.gateway.core.state.hot.register(0)
  const near = () => ({
    epoch: dice.pick([epoch, epoch, epoch + 1, 0, 0xffff_ffff]),
    index: dice.pick([index, index + 1, index + 1_000, 0, 0xffff_ffff]),
  })
  switch (dice.below(7)) {
    case 0:
      return ['welcome', someWelcome(dice, site)]
    case 1:
      return ['slot', someSlot(dice, site)]
    case 2: {
      const entries = [{ slot: dice.below(2), ...near(), supply: supplyOf(dice) }]
      return ['ack', messages.encodeAck({ mark: someMark(dice), entries })]
    }
    case 3:
      return [
        'accept',
        messages.encodeAccept({ slot: dice.below(2), epoch: near().epoch, mark: someMark(dice) }),
      ]
    case 4:
      return [
        'reject',
        messages.encodeReject({
          slot: dice.pick([0, 0, 1, 255]),
          refused: dice.pick(refusedNames),
          reason: dice.pick(reasons) as messages.Reject['reason'],
          held: someHeld(dice, site),
          pending: someHeld(dice, site)?.commitment,
        }),
      ]
    case 5:
      return ['supply', messages.encodeSupply({ slot: dice.below(2), supply: supplyOf(dice) })]
    default:
      return someDamage(dice)
  }
}

/** A message of any kind with a value exchanged or its bytes damaged. */
function someDamage(dice: Dice): Lie {
  const { bytes } = dice.pick(dice.pick(messageKinds).samples)
  const wire = decodeCbor(bytes) ?? null
  const changed = encodeCbor(alterAt(wire, dice.pick(pathsOf(wire)), () => someValue(dice, 0)))
  return [dice.pick(downNames), dice.oneIn(2) ? changed : damaged(dice, bytes)]
}

async function invariants(site: Site): Promise<string | undefined> {
  const { world } = site
  if (world.fatal.length > 0) return `fatal: ${String(world.fatal[0])}`
  const { units, unitsPaid } = await booksOf(site)
  if (unitsPaid > units) return `${unitsPaid} units are paid and ${units} have flowed`
  const paid = heldAmount(world.gateway.core.state.hot, 0)
  // An hour may end within the story, and a second one begin.
  return paid > 2n * amountPerHour ? `${paid} was paid, more than the owner allows` : undefined
}

async function check(input: Uint8Array): Promise<string | undefined> {
  const dice = diceOf(input)
  const site = await startSite({
    meterConfig: { limits: { amountPerHour: String(amountPerHour) } },
    mandate: { limit: 1_000_000n },
  })
  const { time } = site.world
  await time.advance(3_000)
  for (let ops = 0; ops < OPS_MAX && !dice.isOver(); ops++) {
    for (let left = dice.below(3); left >= 0; left--) {
      const [name, payload] = someLie(dice, site)
      const topic = `tickpay/1/acme/ev-1/down/${name}`
      site.world.gateway.core.link.publish(topic, payload, { retain: false })
    }
    await time.advance(dice.pick([100, 1_000, 7_000, 30_000]))
    const wrong = await invariants(site)
    if (wrong !== undefined) return wrong
    site.agent.status()
  }
  await site.close()
  return undefined
}

const generate = (dice: Dice) => dice.bytes(40 + dice.below(260))

export const agentTarget: Target = { name: 'agent', quickRuns: 5, generate, check }
