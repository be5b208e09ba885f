/**
 * A device that appears when all else is over and does in a given order what needs a moment that
 * few histories have: it commits before its mandate begins, ends an epoch and renews the next one
 * within one batch, and goes on by checkpoint while a renewal is pending. Whatever it sends is
 * judged like everything else.
 * @module
 */
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { encodeCommit } from '../../protocol/messages.ts'
import { CHECKPOINT, type Commitment, RENEWAL } from '../../protocol/structures.ts'
import {
  type Committed,
  commit,
  connectDevice,
  type DeviceIdentity,
  emptyHello,
  tickOf,
} from '../support/scriptedDevice.ts'
import { testKey } from '../support/virtualGateway.ts'
import { fleetName } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { passing } from './passing.ts'
import type { SimWorld } from './world.ts'

const key = testKey('ed25519', 95)
const rootSecret = new Uint8Array(32).fill(94)

const LENGTH = 8
const answerMs = 4_000
const meters = [{ name: 'main', unit: 'Wh' }]

/** Sends a device through its steps at every gateway. */
export async function probeGateways(world: SimWorld): Promise<void> {
  for (const actor of world.gateways) await probe(world, actor)
}

async function probe(world: SimWorld, actor: GatewayActor): Promise<void> {
  const { fleet, record, time } = world
  const later = { notBefore: secondsOf(world) + 600 }
  const identity = identityAt(world, actor)
  await passing(time, fleet.fund(actor, 10_000n))
  await passing(time, fleet.enrolDevice(actor, identity.device, key, meters, later))
  const nonce = new Uint8Array(32).fill(93)
  const login = connectDevice(identity, actor.network.connect, world.ports.clock, nonce)
  const device = await passing(time, login)
  const { slots, accepts, acks, rejects } = device.received
  const answered = async (what: string, list: readonly unknown[], count: number) => {
    if (await world.until(() => list.length >= count, answerMs)) return
    record.violate('honest channels progress', `${actor.name}: the probe got no ${what}`)
  }
  const send = (work: Promise<void>) => void work.catch(() => undefined)
  send(device.send('hello', emptyHello))
  await answered('slot', slots, 1)
  const [slot] = slots
  if (!slot) return
  const channelId = present(slot.mandate, 'a mandate').value.channelId
  const give = (made: Committed) =>
    send(device.send('commit', encodeCommit({ slot: slot.slot, commitment: made.commitment })))
  const first = committing(world, actor, channelId, {})
  give(first)
  await answered('refusal', rejects, 1)
  await passing(time, fleet.allow(actor, [bytesToHex(channelId)]))
  await answered('mandate', slots, 2)
  give(first)
  await answered('opening', accepts, 1)
  const second = committing(world, actor, channelId, after(first, LENGTH, RENEWAL))
  give(second)
  await answered('renewal', accepts, 2)
  // While the batch of the first one is written, the others form the next.
  send(device.sendTicks(tickOf(first, 3, slot.slot)))
  send(device.sendTicks(tickOf(first, LENGTH, slot.slot), tickOf(second, 1, slot.slot)))
  const third = committing(world, actor, channelId, after(second, LENGTH, RENEWAL))
  give(third)
  await answered('second renewal', accepts, 3)
  await answered('acknowledgement', acks, 1)
  const change = { ...after(second, 2, CHECKPOINT), epoch: 4 }
  const fourth = committing(world, actor, channelId, change)
  give(fourth)
  await answered('checkpoint', accepts, 4)
  send(device.sendTicks(tickOf(third, 1, slot.slot), tickOf(fourth, 1, slot.slot)))
  await answered('last acknowledgement', acks, 2)
  await device.transport.close()
}

function identityAt({ ledger }: SimWorld, { name }: GatewayActor): DeviceIdentity {
  const { domain } = ledger.running()
  const device = `probe-${name}`
  return { fleet: fleetName, device, gateway: name, domain, key, rootSecret }
}

function secondsOf({ ports }: SimWorld): number {
  return Math.floor(ports.clock.nowMs() / 1_000)
}

function committing(
  world: SimWorld,
  actor: GatewayActor,
  channelId: Uint8Array,
  change: Partial<Commitment>,
): Committed {
  const nowSeconds = secondsOf(world)
  const tariff = actor
    .running()
    ?.core.config.tariffs.find(
      (one) => one.unit === 'Wh' && one.validFrom <= nowSeconds && nowSeconds < one.validUntil,
    )
  const start = { channelId, tariff: present(tariff, 'a tariff'), nowSeconds, length: LENGTH }
  return commit(identityAt(world, actor), { ...start, ...change })
}

/** What goes on from `ticks` of a commitment. */
function after({ commitment }: Committed, ticks: number, kind: number): Partial<Commitment> {
  const { base, epoch, pricePerTick, startReading, unitsPerTick } = commitment.value
  return {
    kind,
    epoch: epoch + 1,
    base: base + BigInt(ticks) * pricePerTick,
    startReading: startReading + BigInt(ticks) * unitsPerTick,
  }
}
