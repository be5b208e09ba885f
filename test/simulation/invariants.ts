/**
 * What must hold after every step of a simulated run, whatever happened in it.
 * @module
 */
import type { Gateway } from '../../gateway/gateway.ts'
import { positionsLost } from '../../gateway/settle/leaves.ts'
import { heldAmount } from '../../gateway/state/hotChannels.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { DeviceActor } from './deviceActor.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { type Core, type State, saidBy, type Watched } from './invariantState.ts'
import { ledgerProblem } from './ledgerChannels.ts'
import { promiseOf } from './oracle.ts'
import { hears, says, started } from './testimony.ts'
import { advance, checkDevice, registerLost } from './unitAccounts.ts'

export type Invariants = {
  readonly check: () => void
  /** What is wrong with the books, looked at in a moment when nothing is under way. */
  readonly endProblem: () => string | undefined
  /** A gateway starts: what it acknowledged before is there. */
  readonly gatewayStarted: (actor: GatewayActor, gateway: Gateway, isRestored: boolean) => void
  /** A message of a gateway leaves for one of its devices. */
  readonly gatewaySays: (actor: GatewayActor, topic: string, payload: Uint8Array) => void
  /** What a device is told in the end, be it true or not. */
  readonly deviceHears: (topic: string, payload: Uint8Array, gateway: GatewayActor) => void
  /** The register of a meter is gone: what was not acknowledged may never be paid. */
  readonly registerLost: (device: DeviceActor, meter: string) => void
  /** Channels of one meter at a position where a channel is paid that the gateway has lost. */
  readonly displaced: (device: DeviceActor, meter: string) => number
  /** What the gateway holds for its other channels now, and what the ledger has paid for them. */
  readonly owed: (device: DeviceActor, meter: string) => bigint
  readonly settled: (device: DeviceActor, meter: string) => bigint
}

export function createInvariants(watched: Watched): Invariants {
  const state: State = {
    watched,
    said: new Map(),
    ledgerPaid: new Map(),
    owners: new Map(),
    slots: new Map(),
    accounts: new Map(),
    allocations: new Map(),
    readings: new Map(),
    barred: new Map(),
    spent: new Map(),
    rewinds: new Map(),
    flowed: new Map(),
  }
  watched.record.onShown = (commitment, index) => advance(state, 'shown', commitment, index)
  return {
    check: () => {
      checkMoney(state)
      checkLedger(state)
      for (const actor of watched.gateways) checkGateway(state, actor)
      for (const device of watched.devices) checkDevice(state, device)
      checkMemory(watched)
    },
    endProblem: () => watched.ledger.running().audit()[0] ?? ledgerProblem(state, 'in force'),
    gatewayStarted: (actor, gateway, isRestored) => started(state, actor, gateway, isRestored),
    gatewaySays: (actor, topic, payload) => says(state, actor, topic, payload),
    deviceHears: (topic, payload, gateway) => hears(state, topic, payload, gateway),
    registerLost: (device, meter) => registerLost(state, device, meter),
    displaced: (device, meter) => channelsOf(device, meter).displaced.length,
    owed: (device, meter) => sumOf(device, meter, heldAmount),
    settled: (device, meter) =>
      sumOf(device, meter, ({ columns }, channel) => columns.paid[channel] ?? 0n),
  }
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

function checkLedger(state: State): void {
  const problem = ledgerProblem(state, 'handed in')
  if (problem === undefined) return
  state.watched.record.violate('settled once and never above its proof', problem)
}

function checkGateway(state: State, actor: GatewayActor): void {
  const core = actor.running()?.core
  if (!core) return
  const { record, fleet } = state.watched
  const said = saidBy(state, actor.name)
  const { hot, cold, allocations } = core.state
  const accepted = allocations.map(() => 0n)
  const reserved = allocations.map(() => 0n)
  const open = new Set<string>()
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
    watchOpen(state, core, channel, open)
    const place = hot.columns.allocation[channel] ?? 0
    reserved[place] = (reserved[place] ?? 0n) + promiseOf(core, channel).reserved
    const paid = hot.columns.paid[channel] ?? 0n
    accepted[place] = (accepted[place] ?? 0n) + (held > paid ? held : paid)
  }
  for (const [place, { id, reserved: found }] of allocations.entries()) {
    if (found !== reserved[place]) {
      const detail = `${actor.name} reserves ${found}, its commitments come to ${reserved[place]}`
      record.violate('accepted is within allocation and mandate', detail)
    }
    const funds = core.funds.state(id)
    const setAside = funds?.setAside ?? 0n
    if (funds && funds.fee !== (funds.paid * BigInt(funds.feeBasisPoints)) / 10_000n) {
      record.violate('money is conserved', `a fee of ${funds.fee} of ${funds.paid}`)
    }
    if ((accepted[place] ?? 0n) > setAside) {
      const detail = `${accepted[place]} accepted, ${setAside} set aside`
      record.violate('accepted is within allocation and mandate', detail)
    }
  }
  checkPositions(state, core, actor.name)
  checkSessions(state.watched, actor)
  checkSupply(state, actor)
}

/** A meter that is replaced goes on in a new channel, and in that one only. */
function watchOpen({ watched }: State, { state }: Core, channel: number, open: Set<string>): void {
  if (((state.hot.columns.flags[channel] ?? 0) & 1) !== 0) return
  const { device, channel: terms } = state.cold.channel(channel)
  const name = `${device}/${terms.meter}`
  if (open.has(name)) watched.record.violate('a meter has one open channel', name)
  open.add(name)
}

/**
 * Where the ledger has paid a channel, no other one is given its position. What comes with a backup
 * may have lost its position since, to a channel of which that backup knows nothing.
 */
function checkPositions(world: State, { state }: Core, name: string): void {
  const { watched } = world
  if (!watched.plan.site) return
  const { brought } = saidBy(world, name)
  const books = watched.ledger.running()
  const own = new Map<string, string>()
  for (let channel = 0; channel < state.hot.count(); channel++) {
    const { channelId, channel: terms } = state.cold.channel(channel)
    own.set(`${bytesToHex(terms.allocation)} ${terms.position}`, bytesToHex(channelId))
  }
  for (const { id } of state.allocations) {
    for (const { channelId, position } of books.channelsPaid(id)) {
      const here = own.get(`${bytesToHex(id)} ${position}`)
      if (here === undefined || here === bytesToHex(channelId) || brought.has(here)) continue
      const detail = `${name} gave position ${position} to another channel than was paid there`
      watched.record.violate('positions are given once', detail)
    }
  }
}

/** What stands against supply for a while is known to every connected device. */
function checkSupply(state: State, actor: GatewayActor): void {
  const core = actor.running()?.core
  if (!core) return
  const nowMs = core.ports.clock.monotonicMs()
  for (const session of core.sessions.values()) {
    if (!session.greeted) continue
    for (const [slot, channel] of session.channels.entries()) {
      const name = `${session.id} ${actor.name} ${channel}`
      const barrier = barrierOf(core, channel)
      const clockOffsetMs = actor.clock.offsetMs
      const before = state.barred.get(name)
      const stands = barrier !== undefined && before?.clockOffsetMs === clockOffsetMs
      const sinceMs = stands ? before.sinceMs : nowMs
      state.barred.set(name, { sinceMs, clockOffsetMs })
      const level = session.supply[slot]?.level
      if (level !== 'on' || nowMs - sinceMs < sweptMs) continue
      const detail = `${actor.name} ${session.device}/${slot}: supply is on, ${barrier}`
      state.watched.record.violate('supply follows the rules', detail)
    }
  }
}

/** By when a gateway has looked at everybody's supply. */
const sweptMs = 2_200

function barrierOf({ state, writer }: Core, channel: number): string | undefined {
  const { columns } = state.hot
  const flags = columns.flags[channel] ?? 0
  const mandate = state.cold.mandate(channel)?.value
  const epoch = columns.epoch[channel] ?? 0
  const commitment = state.cold.commitment(channel, epoch)?.value
  const now = writer.seconds()
  if ((flags & 1) !== 0) return 'the channel is closed'
  if ((flags & 2) !== 0) return 'it is paused'
  if (!mandate || now >= mandate.expiry) return 'there is no mandate'
  if (!commitment) return undefined
  if (now >= commitment.expiry) return 'the commitment has expired'
  if ((columns.checkpointPosition[channel] ?? 0) < state.fencePosition) return 'it is fenced'
  const credit = BigInt(columns.creditTicks[channel] ?? 0) * commitment.pricePerTick
  const held = heldAmount(state.hot, channel)
  return held + credit > mandate.limit ? 'the mandate is used up' : undefined
}

/** What a gateway keeps of a connected device is bounded by its channels. */
function checkSessions({ record, devices }: Watched, actor: GatewayActor): void {
  const core = actor.running()?.core
  if (!core) return
  const sizes = [...core.sessions.values()].map((session) => {
    const { start, supply, toldLength, registers, cloneSuspected, strikesMs, channels } = session
    const maps = [start, toldLength, registers, cloneSuspected]
    const kept = [supply.length, ...maps.map(({ size }) => size)]
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

type Hot = Core['state']['hot']

/** A sum over all channels that one meter ever had and that can be paid. */
function sumOf(
  device: DeviceActor,
  meter: string,
  amount: (hot: Hot, channel: number) => bigint,
): bigint {
  const { hot, payable } = channelsOf(device, meter)
  return payable.reduce((sum, channel) => sum + (hot ? amount(hot, channel) : 0n), 0n)
}

/** All channels that one meter ever had, and which of them no ledger pays. */
function channelsOf({ gateway, plan }: DeviceActor, meter: string) {
  const displaced: number[] = []
  const payable: number[] = []
  const state = gateway.running()?.core.state
  for (let channel = 0; state && channel < state.hot.count(); channel++) {
    const { device, channel: terms } = state.cold.channel(channel)
    if (device !== plan.device || terms.meter !== meter) continue
    const isTaken = positionsLost(state, terms.allocation).has(terms.position)
    if (isTaken) displaced.push(channel)
    else payable.push(channel)
  }
  return { hot: state?.hot, displaced, payable }
}
