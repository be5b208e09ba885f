/**
 * What must hold after every step of a simulated run, whatever happened in it.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Gateway } from '../../gateway/gateway.ts'
import { heldAmount } from '../../gateway/state/hotChannels.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { amountAt } from '../../protocol/channel.ts'
import { decodeAccept, decodeAck } from '../../protocol/messages.ts'
import { parseTopic } from '../../protocol/topics.ts'
import type { DeviceActor } from './deviceActor.ts'
import { firstRegister } from './deviceActor.ts'
import type { Fleet } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import type { LedgerActor } from './ledgerActor.ts'
import type { WorldRecord } from './record.ts'

export type Watched = {
  readonly record: WorldRecord
  readonly ledger: LedgerActor
  readonly gateways: readonly GatewayActor[]
  readonly devices: readonly DeviceActor[]
  readonly fleet: Fleet
  /** Timers that have not fired. */
  readonly timersPending: () => number
}

/** What one gateway has said and held so far, by channel id in hex. */
type Said = {
  /** Highest amount acknowledged. */
  readonly acked: Map<string, bigint>
  readonly acceptedEpoch: Map<string, number>
  readonly held: Map<string, bigint>
  restored: boolean
}

export type Invariants = {
  readonly check: () => void
  /** A gateway starts: what it acknowledged before is there. */
  readonly gatewayStarted: (actor: GatewayActor, gateway: Gateway, isRestored: boolean) => void
  /** A message of a gateway leaves for one of its devices. */
  readonly gatewaySays: (actor: GatewayActor, topic: string, payload: Uint8Array) => void
  /** Runs the handling of one message and compares what a refusal left behind. */
  readonly handle: (actor: GatewayActor, topic: string, run: () => void) => void
  /** The register of a meter is gone: what was not acknowledged may never be paid. */
  readonly registerLost: (device: DeviceActor, meter: string) => void
  /** What the gateway holds for one meter now, and what the ledger has paid for it. */
  readonly owed: (device: DeviceActor, meter: string) => bigint
  readonly settled: (device: DeviceActor, meter: string) => bigint
}

type State = {
  readonly watched: Watched
  readonly said: Map<string, Said>
  readonly ledgerPaid: Map<string, bigint>
  /** Units that may stay unpaid, by device and meter. */
  readonly lost: Map<string, bigint>
  /** Highest reading that was acknowledged to a device, by device and meter. */
  readonly ackedReading: Map<string, bigint>
}

export function createInvariants(watched: Watched): Invariants {
  const state: State = {
    watched,
    said: new Map(),
    ledgerPaid: new Map(),
    lost: new Map(),
    ackedReading: new Map(),
  }
  return {
    check: () => {
      checkMoney(state)
      checkLedgerChannels(state)
      for (const actor of watched.gateways) checkGateway(state, actor)
      for (const device of watched.devices) checkDevice(state, device)
      checkMemory(watched)
    },
    gatewayStarted: (actor, gateway, isRestored) => started(state, actor, gateway, isRestored),
    gatewaySays: (actor, topic, payload) => says(state, actor, topic, payload),
    handle: (actor, topic, run) => handle(watched, actor, topic, run),
    registerLost: (device, meter) => registerLost(state, device, meter),
    owed: (device, meter) => sumOf(device, meter, heldAmount),
    settled: (device, meter) =>
      sumOf(device, meter, ({ columns }, channel) => columns.paid[channel] ?? 0n),
  }
}

function saidBy(state: State, name: string): Said {
  const known = state.said.get(name)
  if (known) return known
  const said: Said = {
    acked: new Map(),
    acceptedEpoch: new Map(),
    held: new Map(),
    restored: false,
  }
  state.said.set(name, said)
  return said
}

function raise<T extends bigint | number>(map: Map<string, T>, key: string, value: T): void {
  const known = map.get(key)
  if (known === undefined || value > known) map.set(key, value)
}

/** Deposits are what was paid and what is free, and nothing comes from nowhere. */
function checkMoney({ watched: { ledger, record, fleet } }: State): void {
  const books = ledger.running()
  const sum = books.sum()
  if (sum !== '0') record.violate('money is conserved', `the accounts add up to ${sum}`)
  let out = 0n
  let held = 0n
  for (const { account, amount } of books.balance()) {
    if (account === 'external') out -= amount
    else held += amount
    if (account !== 'external' && amount < 0n) {
      record.violate('money is conserved', `${account} holds ${amount}`)
    }
  }
  if (held !== out || out > fleet.given()) {
    record.violate('money is conserved', `${held} is held, ${out} came in, ${fleet.given()} given`)
  }
}

/** What the ledger paid never falls and is never above what a device has shown. */
function checkLedgerChannels(state: State): void {
  const { ledger, record, gateways } = state.watched
  for (const gateway of gateways) {
    for (const { id } of gateway.running()?.core.state.allocations ?? []) {
      for (const { channelId, paid } of ledger.running().channelsPaid(id)) {
        const name = bytesToHex(channelId)
        const shown = record.shown.get(name)?.amount ?? 0n
        if (paid > shown) {
          const detail = `the ledger paid ${paid} for ${name}, ${shown} was shown`
          record.violate('settled once and never above its proof', detail)
        }
        const before = ledger.answered.get(name) ?? 0n
        if (paid < before) {
          record.violate('amounts never fall', `the ledger: ${paid} for ${name} after ${before}`)
        }
      }
    }
  }
}

function checkGateway(state: State, actor: GatewayActor): void {
  const core = actor.running()?.core
  if (!core) return
  const { record, fleet } = state.watched
  const said = saidBy(state, actor.name)
  const { hot, cold, allocations } = core.state
  const accepted = allocations.map(() => 0n)
  for (let channel = 0; channel < hot.count(); channel++) {
    const name = bytesToHex(cold.channel(channel).channelId)
    const held = heldAmount(hot, channel)
    const before = said.held.get(name) ?? 0n
    if (held < before) {
      record.violate('amounts never fall', `${actor.name}: ${held} for ${name} after ${before}`)
    }
    said.held.set(name, held)
    const shown = record.shown.get(name)?.amount ?? 0n
    if (held > shown) {
      const detail = `${actor.name} holds ${held} of ${name}, ${shown} was shown`
      record.violate('settled once and never above its proof', detail)
    }
    const limit = fleet.allowed.get(name) ?? 0n
    if (held > limit) {
      const detail = `${held} of ${name}, its mandates allow ${limit}`
      record.violate('accepted is within allocation and mandate', detail)
    }
    const place = hot.columns.allocation[channel] ?? 0
    const paid = hot.columns.paid[channel] ?? 0n
    accepted[place] = (accepted[place] ?? 0n) + (held > paid ? held : paid)
  }
  for (const [place, { id }] of allocations.entries()) {
    const setAside = core.funds.state(id)?.setAside ?? 0n
    if ((accepted[place] ?? 0n) > setAside) {
      const detail = `${accepted[place]} accepted, ${setAside} set aside`
      record.violate('accepted is within allocation and mandate', detail)
    }
  }
  checkSessions(state.watched, actor)
}

/** What a gateway keeps of a connected device is bounded by its channels. */
function checkSessions({ record, devices }: Watched, actor: GatewayActor): void {
  const core = actor.running()?.core
  if (!core) return
  const sizes = [...core.sessions.values()].map((session) => {
    const { start, supply, toldLength, registers, cloneSuspected, strikesMs, channels } = session
    const kept = [start, supply, toldLength, registers, cloneSuspected].map(({ size }) => size)
    return Math.max(...kept) <= channels.length && strikesMs.length <= 4
  })
  const isBounded =
    sizes.every((isSo) => isSo) &&
    core.sessions.size <= devices.length + 4 &&
    core.touched.size <= devices.length + 4 &&
    core.state.quarantine.size <= core.state.hot.count() &&
    core.state.outbox.size <= 8
  if (isBounded) return
  const { sessions, state, touched } = core
  const detail = `${sessions.size} sessions, ${touched.size} touched, outbox ${state.outbox.size}`
  record.violate('memory per client is bounded', detail)
}

const timersPerClientMax = 60
const waitingMax = 24

function checkMemory({ record, devices, gateways, timersPending }: Watched): void {
  const clients = devices.length + gateways.length + 4
  if (timersPending() > clients * timersPerClientMax) {
    record.violate('memory per client is bounded', `${timersPending()} timers`)
  }
  for (const { network, name } of gateways) {
    if (network.waitingMost() <= waitingMax) continue
    record.violate('memory per client is bounded', `${network.waitingMost()} in flight at ${name}`)
  }
}

function checkDevice(state: State, device: DeviceActor): void {
  const { record } = state.watched
  for (const [meter, truth] of device.meters) {
    const name = `${device.plan.device}/${meter}`
    const flowed = firstRegister + truth.delivered() - (state.lost.get(name) ?? 0n)
    const acked = state.ackedReading.get(name) ?? firstRegister
    const tariff = device.gateway.config.tariffs.find(({ unit }) => unit === truth.unit)
    const credit = BigInt(tariff?.creditTicks ?? 0) * (tariff?.unitsPerTick ?? 0n)
    if (flowed - acked > credit) {
      const detail = `${name}: ${flowed} flowed, ${acked} acknowledged, ${credit} on credit`
      record.violate('supplied within the credit window', detail)
    }
    const shown = shownReading(state, device, meter)
    if (shown > firstRegister + truth.delivered()) {
      const detail = `${name}: ${shown} was paid, ${truth.delivered()} flowed`
      record.violate('settled once and never above its proof', detail)
    }
  }
}

/** The highest reading that a device has paid for at one meter, through all its channels. */
function shownReading({ watched: { record } }: State, device: DeviceActor, meter: string): bigint {
  const core = device.gateway.running()?.core
  if (!core) return 0n
  let highest = 0n
  const { cold, hot } = core.state
  for (let channel = 0; channel < hot.count(); channel++) {
    const { device: owner, channel: terms, channelId } = cold.channel(channel)
    if (owner !== device.plan.device || terms.meter !== meter) continue
    const reading = record.shown.get(bytesToHex(channelId))?.reading ?? 0n
    if (reading > highest) highest = reading
  }
  return highest
}

type Hot = Core['state']['hot']

/** A sum over all channels that one meter ever had. */
function sumOf(
  { gateway, plan }: DeviceActor,
  meter: string,
  amount: (hot: Hot, channel: number) => bigint,
): bigint {
  const core = gateway.running()?.core
  if (!core) return 0n
  const { cold, hot } = core.state
  let sum = 0n
  for (let channel = 0; channel < hot.count(); channel++) {
    const { device, channel: terms } = cold.channel(channel)
    if (device === plan.device && terms.meter === meter) sum += amount(hot, channel)
  }
  return sum
}

function registerLost(state: State, device: DeviceActor, meter: string): void {
  const name = `${device.plan.device}/${meter}`
  const truth = device.meters.get(meter)
  if (!truth) return
  const acked = state.ackedReading.get(name) ?? firstRegister
  const unpaid = firstRegister + truth.delivered() - acked
  raise(state.lost, name, unpaid > 0n ? unpaid : 0n)
}

/** After a crash a gateway holds at least what it has told anyone. */
function started(state: State, actor: GatewayActor, gateway: Gateway, isRestored: boolean): void {
  const said = saidBy(state, actor.name)
  const { record } = state.watched
  if (isRestored) {
    for (const map of [said.acked, said.acceptedEpoch, said.held]) map.clear()
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

function says(state: State, actor: GatewayActor, text: string, payload: Uint8Array): void {
  const core = actor.running()?.core
  const topic = parseTopic(text)
  if (!core || topic?.kind !== 'down') return
  const { fleet, device, name } = topic
  const channels = core.state.cold.device(fleet, device)?.channels ?? []
  const said = saidBy(state, actor.name)
  const idOf = (slot: number) => {
    const channel = channels[slot]
    return channel === undefined
      ? undefined
      : bytesToHex(core.state.cold.channel(channel).channelId)
  }
  if (name === 'accept') {
    const accept = decodeAccept(payload)
    const id = accept && idOf(accept.slot)
    if (accept && id) raise(said.acceptedEpoch, id, accept.epoch)
  }
  if (name !== 'ack') return
  for (const { slot, epoch, index } of decodeAck(payload)?.entries ?? []) {
    const commitment = state.watched.record.commitment(device, slot, epoch)
    const id = idOf(slot)
    if (!commitment || !id || bytesToHex(commitment.channelId) !== id) continue
    raise(said.acked, id, amountAt(commitment, index))
    const meter = core.state.cold.channel(channels[slot] ?? 0).channel.meter
    raise(
      state.ackedReading,
      `${device}/${meter}`,
      commitment.startReading + BigInt(index) * commitment.unitsPerTick,
    )
  }
}

/** A message of which every part was refused leaves the whole state as it was. */
function handle(watched: Watched, actor: GatewayActor, text: string, run: () => void): void {
  const core = actor.running()?.core
  const topic = parseTopic(text)
  const isJudged = topic?.kind === 'up' && ['tick', 'open', 'commit'].includes(topic.name)
  if (!core || !isJudged) {
    run()
    return
  }
  const before = fingerprint(core)
  const refusedBefore = refusals(core)
  const acceptedBefore = core.state.acceptedTicks
  const { opened, renewals, checkpoints } = core.state.commitments
  run()
  const after = core.state.commitments
  const isAccepted =
    core.state.acceptedTicks !== acceptedBefore ||
    after.opened + after.renewals + after.checkpoints !== opened + renewals + checkpoints
  if (isAccepted || refusals(core) === refusedBefore) return
  if (fingerprint(core) === before) return
  watched.record.violate('a refusal changes nothing', `${actor.name}: ${text}`)
}

type Core = Gateway['core']

function refusals({ counters }: Core): number {
  let sum = 0
  for (const count of counters.refused.values()) sum += count
  return sum
}

/** Everything hot but the hash budgets, and how much of everything else there is. */
function fingerprint({ state, journal }: Core): string {
  const hash = createHash('sha256')
  const { columns, count } = { columns: state.hot.columns, count: state.hot.count() }
  const capacity = columns.epoch.length
  for (const [name, column] of Object.entries(columns)) {
    if (name.startsWith('hash')) continue
    const width = column.length / capacity
    hash.update(new Uint8Array(column.buffer, 0, count * width * column.BYTES_PER_ELEMENT))
  }
  const { allocations, outbox, quarantine, lives, fencePosition } = state
  const sizes = [outbox.size, quarantine.size, lives.length, fencePosition]
  const reserved = allocations.map((use) => `${use.reserved} ${use.nextPosition}`)
  hash.update(`${sizes} ${reserved} ${journal.head().position}`)
  return hash.digest('hex')
}
