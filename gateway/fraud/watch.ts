/**
 * The watch of a gateway: looks at every device once a round, tells what it finds, and does what
 * the operator configured. It reads what the gateway holds and changes nothing but supply.
 * @module
 */
import type { Cancel } from '../../ports/index.ts'
import type { Core } from '../core.ts'
import { createRounds } from '../rounds.ts'
import { announce } from '../verbs/announce.ts'
import type { Action } from './actions.ts'
import type { FraudConfig } from './config.ts'
import { createDeviceWatch, type DeviceWatch, type Finding } from './deviceWatch.ts'
import { createHolds, type Hold, type Holds } from './holds.ts'
import type { ProviderReading } from './observation.ts'
import { type Known, observeDevice } from './observe.ts'
import { ruleNames } from './rules.ts'

/** How often a device is looked at. */
export const WATCH_ROUND_MS = 10_000
/** Devices; a look takes some 10 us. */
const WATCH_BOUNDS = { perTurn: 64, perRound: 20_000 }
/** Findings that are remembered for whoever asks; the oldest gives way. */
export const FINDINGS_MAX = 1_000
/** A device that stays away for so long is watched anew when it comes back. */
const FORGET_SECONDS = 7 * 86_400

export type ToldFinding = Finding & {
  readonly fleet: string
  readonly device: string
  readonly action: Action
}

export type FraudWatch = {
  readonly findings: () => readonly ToldFinding[]
  readonly holds: Holds
  readonly providerReadings: Map<string, ProviderReading>
  readonly release: (fleet: string, device: string, by: string) => Hold | undefined
  readonly holdBack: (hold: Hold) => boolean
  readonly config: FraudConfig
  readonly stop: Cancel
}

type Watched = {
  readonly fleet: string
  readonly device: string
  readonly watch: DeviceWatch
  readonly known: Known
  onlineSeconds: number
}

type Parts = {
  readonly core: Core
  readonly config: FraudConfig
  readonly holds: Holds
  readonly devices: Map<string, Watched>
  readonly providerReadings: Map<string, ProviderReading>
  readonly told: ToldFinding[]
}

/** Starts watching; undefined when the configuration says `off`. */
export function startFraudWatch(core: Core): FraudWatch | undefined {
  const config = core.config.fraud
  if (!config) return undefined
  const { throttlePerMinute = 0n, limitPerDay = 0n } = config
  const holds = createHolds(core, { throttlePerMinute, limitPerDay })
  const told: ToldFinding[] = []
  const parts: Parts = {
    ...{ core, config, holds, told },
    devices: new Map(),
    providerReadings: new Map(),
  }
  const names = () => core.signs.names().values()
  const rounds = createRounds(core.ports.timers, WATCH_BOUNDS, names, (name) => {
    look(parts, name)
    return 1
  })
  const cancel = core.ports.timers.every(WATCH_ROUND_MS, () => {
    endHolds(parts)
    rounds.begin()
  })
  return {
    ...{ holds, config },
    findings: () => told,
    providerReadings: parts.providerReadings,
    release: (fleet, device, by) => {
      const hold = holds.release(fleet, device)
      if (hold) tellRelease(core, hold, by)
      return hold
    },
    holdBack: (hold) => holdBack(parts, hold),
    stop: () => {
      cancel()
      rounds.stop()
    },
  }
}

function look(parts: Parts, name: string): void {
  const { core, devices, providerReadings } = parts
  const one = devices.get(name) ?? begin(parts, name)
  const seen = observeDevice(core, one, one.known, providerReadings)
  for (const finding of one.watch(seen)) take(parts, one, finding)
  if (seen.online) one.onlineSeconds = seen.atSeconds
  else if (seen.atSeconds - one.onlineSeconds > FORGET_SECONDS) {
    devices.delete(name)
    core.signs.forget(name)
  }
}

function begin({ core, config, devices }: Parts, name: string): Watched {
  const [fleet = '', device = ''] = name.split('/')
  const limits = ruleNames.flatMap((rule) => {
    const own = config.rules[rule]
    return own ? [[rule, own.limits]] : []
  })
  const watch = createDeviceWatch(Object.fromEntries(limits))
  const onlineSeconds = core.writer.seconds()
  const one = { fleet, device, watch, known: { channels: [], slots: [] }, onlineSeconds }
  devices.set(name, one)
  return one
}

function take(parts: Parts, { fleet, device }: Watched, finding: Finding): void {
  const { core, config, told } = parts
  const { rule, words, atSeconds } = finding
  const action = actionOf(core, config, fleet, device, finding)
  if (finding.kind !== 'known') {
    told.push({ ...finding, fleet, device, action })
    if (told.length > FINDINGS_MAX) told.shift()
    core.ports.log('warn', 'the watch found something', { fleet, device, rule, words, action })
    if (core.state.fleets.has(fleet)) {
      announce(core, fleet, { event: 'fraud_found', device, rule, words, action })
    }
  }
  if (action === 'notify') return
  const times = { sinceSeconds: atSeconds, lastSeconds: atSeconds }
  holdBack(parts, { fleet, device, action, by: rule, words, ...times })
}

/** Behind an external broker anybody may have sent it: then nothing is held against a device. */
function actionOf(
  core: Core,
  config: FraudConfig,
  fleet: string,
  device: string,
  { rule }: Finding,
): Action {
  const action = config.rules[rule]?.action ?? 'notify'
  const isOurs = !core.link.unsigned && core.state.cold.device(fleet, device) !== undefined
  return isOurs ? action : 'notify'
}

function holdBack({ core, holds }: Parts, hold: Hold): boolean {
  if (!holds.hold(hold)) return false
  const { fleet, device, action, by, words } = hold
  core.ports.log('warn', 'the watch holds a device back', { fleet, device, action, by, words })
  announce(core, fleet, { event: 'fraud_held', device, action, by, words })
  return true
}

function endHolds({ core, config, holds }: Parts): void {
  for (const hold of holds.releaseAfter(config.holdSeconds, core.writer.seconds())) {
    tellRelease(core, hold, 'time')
  }
}

function tellRelease(core: Core, { fleet, device, action }: Hold, by: string): void {
  core.ports.log('info', 'a device is no longer held back', { fleet, device, action, by })
  announce(core, fleet, { event: 'fraud_released', device, action, by })
}
