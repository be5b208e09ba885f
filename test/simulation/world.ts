/**
 * The whole simulated world: ledger, gateways, devices and fleet manager on one virtual time.
 * @module
 */

import { diceFrom } from '../../firmware-sim/dice.ts'
import type { GatewayConfig } from '../../gateway/config.ts'
import type { Log, Ports } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import {
  START_MS,
  seededRandom,
  testConfig,
  testKey,
  testTariff,
} from '../support/virtualGateway.ts'
import { type VirtualTime, virtualTime } from '../support/virtualTime.ts'
import { type Cosigning, cosigningFleet } from './cosigning.ts'
import { type Crook, crookAt, crookName } from './crook.ts'
import { type DeviceActor, deviceActor } from './deviceActor.ts'
import { type Backup, isAway, openChannels } from './faults.ts'
import { type Fleet, fleetManager } from './fleet.ts'
import { type GatewayActor, type GatewayWorld, gatewayActor } from './gatewayActor.ts'
import { createInvariants, type Invariants } from './invariants.ts'
import { type LedgerActor, startLedger } from './ledgerActor.ts'
import { passing } from './passing.ts'
import { type GatewayName, gatewayNames, type Plan } from './plan.ts'
import { crookKey, isProven } from './proofs.ts'
import { type WorldRecord, worldRecord } from './record.ts'
import { watchSilence } from './silence.ts'
import { openSky, type Sky } from './sky.ts'
import type { Slowness } from './stores.ts'
import { watchMessage } from './watchedMessage.ts'
import type { Site } from './wider.ts'

export type SimWorld = {
  readonly plan: Plan
  readonly time: VirtualTime
  readonly ports: Ports
  readonly slow: Slowness
  readonly record: WorldRecord
  readonly sky: Sky
  readonly ledger: LedgerActor
  readonly gateways: readonly GatewayActor[]
  readonly devices: readonly DeviceActor[]
  readonly fleet: Fleet
  readonly invariants: Invariants
  readonly crook: Crook
  /** What the fleet's service does about statements. */
  readonly cosigning: Cosigning
  readonly backups: Map<GatewayName, Backup>
  /** Backups that somebody is about to restore: people put nothing right before. */
  readonly restoresDue: Set<Backup>
  /** Moves time on until it is so, looking at the invariants all along. */
  readonly until: (isSo: () => boolean, limitMs: number) => Promise<boolean>
}

const gatewayKeys: Readonly<Record<GatewayName, PrivateKey>> = {
  'gw-1': testKey('ed25519', 11),
  'gw-2': testKey('ed25519', 13),
}

const stepMs = 250

/** Builds the world and lets its people enrol everything; no fault has come yet. */
export async function buildWorld(plan: Plan, tell: (line: string) => void): Promise<SimWorld> {
  const time = virtualTime(START_MS)
  /** A channel on which nothing that the cheat signs is worth anything. */
  let others: Uint8Array | undefined
  const record = worldRecord(time.clock.monotonicMs, tell, (device, commitment, tick) => {
    if (device !== crookName) return true
    if (others && equalBytes(commitment.value.channelId, others)) return false
    return isProven(ledger.running().domain, commitment, tick)
  })
  const ports: Ports = { ...time, random: seededRandom(plan.seed), log: logOf(record) }
  const dice = diceFrom(plan.seed + 1)
  const slow: Slowness = { timers: time.timers, dice, operationMs: plan.operationMs }
  const sky = openSky(time.clock.monotonicMs)
  const ledgerSlow = { ...slow, dice: diceFrom(plan.seed + 2) }
  const ledger = await passing(
    time,
    startLedger(
      ports,
      ledgerSlow,
      (detail) => record.violate('settled once and never above its proof', detail),
      (digest) => cosigning?.leavesOf(digest),
    ),
  )
  const { domain } = ledger.running()
  const cosigning = cosigningFleet(ports, domain, record)
  ledger.onEarly = (detail) => record.violate('money leaves after its notice', detail)
  const ground = {
    plan,
    time,
    ports,
    slow,
    record,
    sky,
    ledger,
    fleet: fleetManager(ports, domain),
    cosigning,
  }
  const watch: Watch = { invariants: undefined }
  const all = gatewayNames.map((name) => gatewayOf(ground, watch, name))
  const gateways = all.map(({ actor }) => actor)
  const devices = devicesOf(ground, gateways)
  const watched = {
    ...ground,
    gateways,
    devices,
    nowMs: time.clock.monotonicMs,
    timersPending: time.pending,
  }
  const invariants = createInvariants(watched)
  watch.invariants = invariants
  const crook = crookAt({
    ports,
    domain,
    gateway: present(gateways[0], 'a gateway'),
    key: crookKey,
    foreign: record.foreign,
    otherChannel: () => {
      others ??= gateways[0]?.running()?.core.state.cold.channel(0).channelId
      return others
    },
  })
  const backups: SimWorld['backups'] = new Map()
  const restoresDue: SimWorld['restoresDue'] = new Set()
  const world = { ...ground, gateways, devices, invariants, crook, backups, restoresDue }
  for (const { start } of all) await passing(time, start())
  await enrolAll(world)
  if (plan.site) cosigning.serve(gateways)
  return { ...world, until: (isSo, limitMs) => until(world, isSo, limitMs) }
}

function devicesOf({ plan, ports, slow, ledger }: Ground, gateways: readonly GatewayActor[]) {
  const { domain } = ledger.running()
  return plan.devices.map((one, place) => {
    const gateway = present(
      gateways.find(({ name }) => name === one.gateway),
      one.gateway,
    )
    const ground = { ports, slow, domain, place, site: plan.site }
    return deviceActor(ground, one, gateway, testKey('ed25519', 31 + place))
  })
}

type Ground = Pick<
  SimWorld,
  'plan' | 'time' | 'ports' | 'slow' | 'record' | 'sky' | 'ledger' | 'fleet' | 'cosigning'
>

type Watch = { invariants: Invariants | undefined }

function gatewayOf(ground: Ground, watch: Watch, name: GatewayName) {
  const { ports, slow, ledger, record, sky, fleet, plan } = ground
  const silence = watchSilence(record, (device) =>
    plan.devices.some((one) => one.device === device),
  )
  const world: GatewayWorld = {
    ports,
    slow,
    ledger,
    record,
    fleet,
    weather: sky.weather,
    tapOf: (actorOf) => ({
      sent: (topic, payload) => {
        record.deviceSent(topic, payload)
        silence.sent(topic, payload)
      },
      arrives: (direction, topic, payload) => {
        record.noteMessage(direction, topic, payload)
        if (direction !== 'down') return
        silence.heard(topic, payload)
        watch.invariants?.deviceHears(topic, payload, actorOf())
      },
      handle: (sessionId, topic, payload, run) =>
        watchMessage(record, { actor: actorOf(), sessionId, topic, payload }, run),
    }),
    wrapLink: (actorOf, link) => ({
      ...link,
      publish: (topic, payload, mode) => {
        const actor = actorOf()
        watch.invariants?.gatewaySays(actor, topic, payload)
        link.publish(topic, actor.liar.twist(topic, payload), mode)
      },
    }),
  }
  const both = gatewayActor(world, name, gatewayKeys[name], configOf(name, plan.site))
  both.actor.onStarted = (running, why) => {
    if (why === 'first') return
    watch.invariants?.gatewayStarted(both.actor, running, why === 'restored')
  }
  return both
}

async function enrolAll(world: Omit<SimWorld, 'until'>): Promise<void> {
  const { crook, devices, fleet, gateways, plan, time } = world
  for (const gateway of gateways) await passing(time, fleet.enrol(gateway, plan.deposit))
  for (const device of devices) {
    const { gateway, key, plan: one } = device
    await passing(time, fleet.enrolDevice(gateway, one.device, key(), one.meters))
    await passing(time, device.start())
  }
  if (plan.site) await narrowFirst(world)
  const limit = 12_000n
  const now = Math.floor(world.ports.clock.nowMs() / 1_000)
  // In some worlds it is not allowed to pay for long.
  const expiry = now + (plan.seed % 3 === 0 ? 12 : 86_400)
  const meters = [{ name: 'main', unit: 'Wh' }]
  await passing(
    time,
    fleet.enrolDevice(crook.gateway, crook.device, crook.key, meters, { limit, expiry }),
  )
}

/** Every channel is allowed little once, and then as much as before: the later mandate counts. */
async function narrowFirst({ devices, fleet, time }: Omit<SimWorld, 'until'>): Promise<void> {
  for (const device of devices) {
    const channels = openChannels(device)
    await passing(time, fleet.allow(device.gateway, channels, { limit: 90n }))
    await passing(time, fleet.allow(device.gateway, channels))
  }
}

async function until(
  { time, record, invariants }: Omit<SimWorld, 'until'>,
  isSo: () => boolean,
  limitMs: number,
): Promise<boolean> {
  const endMs = time.clock.monotonicMs() + limitMs
  while (time.clock.monotonicMs() < endMs && record.violations.length === 0) {
    if (isSo()) return true
    await time.advance(Math.min(stepMs, endMs - time.clock.monotonicMs()))
    invariants.check()
  }
  return isSo()
}

function configOf(gateway: GatewayName, site: Site | undefined): GatewayConfig {
  const cosignSeconds = site?.cosignSeconds.get(gateway)
  const terms = { gateway, creditTicks: 6, unitsPerTick: 5n }
  return testConfig({
    gateway,
    tariffs: [
      testTariff({ ...terms, pricePerTick: 3n }),
      testTariff({ ...terms, unit: 'mL', unitsPerTick: 7n, pricePerTick: 2n }),
    ],
    settlement: {
      ...{ periodSeconds: 4, minimumAmount: 0n, expiryMarginSeconds: 172_800 },
      ...(cosignSeconds !== undefined && { cosignSeconds }),
    },
  })
}

/** A program that logs a failure which nobody caused has a bug. */
function logOf(record: WorldRecord): Log {
  return (level, message, fields) => {
    if (level === 'debug') return
    record.note(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
    const isBug = message.startsWith('settlement failed') && !isAway(fields?.['reason'])
    if (isBug) record.violate('nothing fails by itself', `${message}: ${fields?.['reason']}`)
  }
}
