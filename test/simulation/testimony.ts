/**
 * What gateways say, held against what they knew and what devices have shown.
 * @module
 */
import type { Gateway } from '../../gateway/gateway.ts'
import { heldAmount } from '../../gateway/state/hotChannels.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { amountAt, readingAt } from '../../protocol/channel.ts'
import { decodeAccept, decodeAck, decodeReject, decodeSlot } from '../../protocol/messages.ts'
import { CHECKPOINT, channelStructure, digestOf } from '../../protocol/structures.ts'
import { parseTopic } from '../../protocol/topics.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { raise, type State, saidBy } from './invariantState.ts'
import { relive } from './rewinds.ts'
import { advance } from './unitAccounts.ts'

/** After a crash a gateway holds at least what it has told anyone. */
export function started(
  state: State,
  actor: GatewayActor,
  gateway: Gateway,
  isRestored: boolean,
): void {
  const said = saidBy(state, actor.name)
  const { record } = state.watched
  if (isRestored) {
    for (const map of [said.acked, said.acceptedEpoch, said.held, said.brought]) map.clear()
    const { cold, hot } = gateway.core.state
    for (let channel = 0; channel < hot.count(); channel++) {
      said.brought.add(bytesToHex(cold.channel(channel).channelId))
    }
    return
  }
  const { hot } = gateway.core.state
  for (const [name, acked] of said.acked) {
    const channel = numberOf(gateway, name)
    const held = channel === undefined ? 0n : heldAmount(hot, channel)
    if (held >= acked) continue
    const detail = `${actor.name} holds ${held} of ${name}, ${acked} was acknowledged`
    record.violate('acknowledged is durable', detail)
  }
  for (const [name, epoch] of said.acceptedEpoch) {
    const channel = numberOf(gateway, name)
    const { epoch: running = [], pendingEpoch = [] } = hot.columns
    const known =
      channel === undefined ? 0 : Math.max(running[channel] ?? 0, pendingEpoch[channel] ?? 0)
    if (known >= epoch) continue
    const detail = `${actor.name} has epoch ${known} of ${name}, ${epoch} was accepted`
    record.violate('acknowledged is durable', detail)
  }
  // What was held and told to nobody may be gone.
  said.held.clear()
  for (const [name, acked] of said.acked) said.held.set(name, acked)
}

function numberOf(gateway: Gateway, name: string): number | undefined {
  const { hot, cold } = gateway.core.state
  for (let channel = 0; channel < hot.count(); channel++) {
    if (bytesToHex(cold.channel(channel).channelId) === name) return channel
  }
  return undefined
}

export function says(state: State, actor: GatewayActor, text: string, payload: Uint8Array): void {
  const core = actor.running()?.core
  const topic = parseTopic(text)
  if (!core || topic?.kind !== 'down') return
  const said = saidBy(state, actor.name)
  const channels = core.state.cold.device(topic.fleet, topic.device)?.channels ?? []
  for (const channel of channels) {
    const { channelId, device, channel: terms } = core.state.cold.channel(channel)
    state.owners.set(bytesToHex(channelId), `${device}/${terms.meter}`)
  }
  for (const { slot, epoch, index } of statements(topic.name, payload)) {
    const channel = channels[slot]
    if (channel === undefined) continue
    const { channelId } = core.state.cold.channel(channel)
    // As the gateway has it: a cheat makes several commitments for one epoch.
    const commitment = core.state.cold.commitment(channel, epoch)?.value
    if (!commitment) continue
    const id = bytesToHex(channelId)
    if (topic.name === 'accept') raise(said.acceptedEpoch, id, epoch)
    if (topic.name !== 'accept' || commitment.kind === CHECKPOINT) {
      raise(said.acked, id, amountAt(commitment, index))
    }
  }
}

/** States that a message speaks of as held. */
function statements(name: string, payload: Uint8Array): readonly Statement[] {
  if (name === 'ack') return decodeAck(payload)?.entries ?? []
  if (name === 'accept') {
    const accept = decodeAccept(payload)
    return accept ? [{ ...accept, index: 0 }] : []
  }
  const told = name === 'slot' ? decodeSlot(payload) : undefined
  const spoken = told ?? (name === 'reject' ? decodeReject(payload) : undefined)
  if (!spoken?.held) return []
  const { commitment, index } = spoken.held
  return [{ slot: spoken.slot, epoch: commitment.value.epoch, index }]
}

type Statement = { readonly slot: number; readonly epoch: number; readonly index: number }

/** Only what a device has shown can be acknowledged to it. */
export function hears(state: State, text: string, payload: Uint8Array, actor: GatewayActor): void {
  const core = actor.running()?.core
  const topic = parseTopic(text)
  if (!core || topic?.kind !== 'down') return
  const { record } = state.watched
  if (topic.name === 'slot') learnSlot(state, core.state.domain, topic.device, payload)
  for (const { slot, epoch, index } of statements(topic.name, payload)) {
    // Not the gateway's present one: what it said before it replaced a channel is still heard.
    const channelId = state.slots.get(`${topic.device}/${slot}`)
    if (!channelId) continue
    const commitment = record.commitment(topic.device, slot, epoch, channelId)
    const shown = record.shown.get(bytesToHex(channelId))?.reading ?? 0n
    if (!commitment || (topic.name === 'accept' && commitment.kind !== CHECKPOINT)) continue
    if (readingAt(commitment, index) > shown) continue
    relive(state, commitment, index)
    advance(state, 'paid', commitment, index)
  }
}

/** From now on the device takes what it is told of this slot to be about this channel. */
function learnSlot({ slots }: State, domain: Domain, device: string, payload: Uint8Array): void {
  const told = decodeSlot(payload)
  if (!told) return
  slots.set(`${device}/${told.slot}`, digestOf(domain, channelStructure, told.channel))
}
