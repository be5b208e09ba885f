/**
 * One run: a plan is carried out, its faults end, and all that is honest has to go on.
 * @module
 */
import { isClosed } from '../../gateway/state/hotChannels.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import { encodePublicKey, publicKeyOf } from '../../protocol/keys.ts'
import type { DeviceActor } from './deviceActor.ts'
import { offerLast } from './endProbes.ts'
import { freeDisk, openChannels, strike } from './faults.ts'
import { fleetName } from './fleet.ts'
import { offerToFleet } from './fleetProbes.ts'
import { checkFold } from './fold.ts'
import type { Plan } from './plan.ts'
import { probeGateways } from './probeDevice.ts'
import type { Violation } from './record.ts'
import { buildWorld, type SimWorld } from './world.ts'

export type Outcome = {
  readonly plan: Plan
  readonly violations: readonly Violation[]
  /** The same for the same plan: everything that was said and done, in its order. */
  readonly history: string
  readonly virtualMs: number
}

export type RunOptions = { readonly tell?: (line: string) => void }

const startMs = 2_000
const recoveryMs = 180_000
/** No restore that was begun comes later than this after the last fault. */
const restoreMs = 5_000

export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<Outcome> {
  const world = await buildWorld(plan, options.tell ?? (() => undefined))
  try {
    await carryOut(world)
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    world.record.violate('nothing fails by itself', text)
  }
  return {
    plan,
    violations: world.record.violations,
    history: world.record.history(),
    virtualMs: world.time.clock.monotonicMs(),
  }
}

async function carryOut(world: SimWorld): Promise<void> {
  const { plan, time } = world
  const beganMs = time.clock.monotonicMs()
  for (const fault of plan.faults) {
    const delayMs = beganMs + fault.atMs - time.clock.monotonicMs()
    time.timers.after(delayMs, () => void strike(world, fault))
  }
  await world.until(() => false, startMs)
  const middleMs = (plan.faultsEndMs - startMs) / 2
  await world.until(() => false, middleMs)
  if (plan.site) await checkFold(world)
  await world.until(() => false, middleMs)
  await world.until(() => world.restoresDue.size === 0, restoreMs)
  await heal(world)
  await mustProgress(world)
  if (world.record.violations.length === 0) await checkFold(world)
  if (world.record.violations.length === 0) await checkBooks(world)
  if (plan.site && world.record.violations.length === 0) await offerLast(world)
  if (plan.site && world.record.violations.length === 0) await offerToFleet(world)
  if (plan.site && world.record.violations.length === 0) {
    await probeGateways(world)
    await checkFold(world)
  }
}

const triesMax = 60

/** What the ledger is about to write is asked for again. */
async function checkBooks({ invariants, record, time }: SimWorld): Promise<void> {
  let problem = invariants.endProblem()
  for (let tries = 1; problem !== undefined && tries < triesMax; tries++) {
    await time.advance(37)
    problem = invariants.endProblem()
  }
  if (problem !== undefined) record.violate('settled once and never above its proof', problem)
}

/** No more faults; people put right what only people can. */
async function heal(world: SimWorld): Promise<void> {
  const { devices, fleet, gateways, ledger, record, sky } = world
  record.note('no more faults')
  world.cosigning.mode = 'signs'
  sky.clear()
  ledger.lossShare = 0
  ledger.clock.offsetMs = 0
  for (const gateway of gateways) {
    gateway.liar.dice = undefined
    gateway.liar.ledgerDice = undefined
    freeDisk(gateway)
    gateway.disarm()
    gateway.clock.offsetMs = 0
  }
  for (const device of devices) {
    device.clock.offsetMs = 0
    device.disk.heal()
  }
  const isUp = () => gateways.every((gateway) => gateway.running() !== undefined)
  if (!(await world.until(isUp, 30_000))) {
    record.violate('honest channels progress', 'a gateway does not come back')
    return
  }
  for (const gateway of gateways) void ignore(fleet.fund(gateway, 60_000n))
  for (const device of devices) {
    void ignore(putRight(world, device))
  }
}

/** A gateway that came from a backup may know another key, and mandates that are long past. */
async function putRight({ fleet }: SimWorld, device: DeviceActor): Promise<void> {
  const { gateway, plan } = device
  if (!knowsKey(device)) await fleet.replace(gateway, plan.device, { key: device.key() })
  await gateway.call('resume', { fleet: fleetName, device: plan.device })
  await fleet.allow(gateway, openChannels(device))
}

/**
 * Where a gateway that came from a backup offers a channel that was replaced since, the device asks
 * its people to replace it once more; and again with the next channel, until that is a newer one.
 */
function replaceAgain({ fleet, devices }: SimWorld, asked: Map<string, number>): void {
  for (const device of devices) {
    const { connection, meters = [], signatures } = device.running()?.status() ?? {}
    const { connects = 0 } = signatures ?? {}
    for (const { meter, problem } of meters) {
      const name = `${device.plan.device}/${meter}`
      if (!problem?.includes('`tickpay device replace`')) continue
      const before = asked.get(name)
      // What it says before it has connected again is about the channel that was replaced.
      if (before !== undefined && (before === connects || connection !== 'online')) continue
      asked.set(name, connects)
      void ignore(fleet.replace(device.gateway, device.plan.device, { meter }))
    }
  }
}

/**
 * Who commits anew promises a share of what is free beside what it promised before, so that one who
 * comes back late may find nothing left. Its refusal says what to do: the fleet sets aside more.
 */
function setAsideMore({ devices, fleet, time }: SimWorld, since: Shortage): void {
  if (time.clock.monotonicMs() - since.beganMs < shortageMs) return
  for (const { gateway, running } of devices) {
    const isShort = running()
      ?.status()
      .meters.some(({ refusal }) => refusal?.includes('no_funds'))
    if (!isShort || since.funded.has(gateway.name)) continue
    since.funded.add(gateway.name)
    void ignore(fleet.fund(gateway, 60_000n))
  }
}

/** Which gateways got more since the last fault, once each. */
type Shortage = { readonly beganMs: number; readonly funded: Set<string> }

/** What passes by itself has passed by then. */
const shortageMs = 60_000

/** A channel ended because another one is paid at its position: its gateway's log asks for this. */
function replaceEnded({ fleet, devices }: SimWorld, replaced: Set<string>): void {
  for (const { gateway, plan } of devices) {
    const { cold, hot } = gateway.running()?.core.state ?? {}
    for (const channel of cold?.device(fleetName, plan.device)?.channels ?? []) {
      const known = cold?.channel(channel)
      const name = `${plan.device} ${bytesToHex(known?.channelId ?? new Uint8Array(0))}`
      if (!known || !hot || !isClosed(hot, channel) || replaced.has(name)) continue
      replaced.add(name)
      void ignore(fleet.replace(gateway, plan.device, { meter: known.channel.meter }))
    }
  }
}

/** A gateway that comes from a backup now does not know a key that was replaced since. */
function enrolAgain({ fleet, devices }: SimWorld, replaced: Set<string>): void {
  for (const device of devices) {
    const { connectionReason } = device.running()?.status() ?? {}
    if (!connectionReason?.includes('bad_signature')) continue
    const [newest] = device.gateway.running()?.core.state.lives.slice(-1) ?? []
    const name = `${device.plan.device} ${bytesToHex(newest?.life ?? new Uint8Array(0))}`
    if (replaced.has(name) || knowsKey(device)) continue
    replaced.add(name)
    void ignore(fleet.replace(device.gateway, device.plan.device, { key: device.key() }))
  }
}

function knowsKey({ gateway, key, plan }: DeviceActor): boolean {
  const known = gateway.running()?.core.state.cold.device(fleetName, plan.device)?.key
  return !known || equalBytes(known, encodePublicKey(publicKeyOf(key())))
}

async function ignore(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined)
}

type Progress = { readonly name: string; readonly isMade: () => boolean }

async function mustProgress(world: SimWorld): Promise<void> {
  const { record } = world
  const isFree = ({ plan }: DeviceActor) => !world.plan.site?.amountPerHour.has(plan.device)
  // Who has limits of its own may stand still at them.
  const all = world.devices.filter(isFree).flatMap((device) => progressOf(world, device))
  let waiting = all
  const asked = new Map<string, number>()
  const shortage = { beganMs: world.time.clock.monotonicMs(), funded: new Set<string>() }
  const replaced = new Set<string>()
  // Each is asked at each step: what one has to reach is fixed when it was supplied again.
  const isMade = () => {
    replaceAgain(world, asked)
    replaceEnded(world, replaced)
    setAsideMore(world, shortage)
    enrolAgain(world, replaced)
    waiting = waiting.filter((one) => !one.isMade())
    return waiting.length === 0
  }
  if (await world.until(isMade, recoveryMs)) return
  if (record.violations.length > 0) return
  const late = waiting.map(({ name }) => name)
  const states = world.devices.map(({ running }) => JSON.stringify(running()?.status()))
  record.violate('honest channels progress', `${late.join(', ')} stand still: ${states.join(' ')}`)
}

/**
 * Each meter has to be supplied, to pay for it, and to have all of that settled; from anew where a
 * channel of it turns out to be at a position where another one is paid.
 */
function progressOf(world: SimWorld, device: DeviceActor): readonly Progress[] {
  return [...device.meters].map(([meter, truth]) => {
    const name = `${device.plan.device}/${meter}`
    let before = truth.delivered()
    let displaced = world.invariants.displaced(device, meter)
    let goal: bigint | undefined
    return {
      name,
      isMade: () => {
        const now = world.invariants.displaced(device, meter)
        if (now !== displaced) {
          displaced = now
          before = truth.delivered()
          goal = undefined
        }
        if (truth.delivered() < before + 60n) return false
        goal ??= world.invariants.owed(device, meter)
        return world.invariants.settled(device, meter) >= goal
      },
    }
  })
}
