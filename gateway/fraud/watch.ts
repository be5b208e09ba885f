/**
 * The watch of a gateway: looks at every device once a round, tells what it finds, and does what
 * the operator configured. It reads what the gateway holds and changes nothing but supply.
 * @module
 */
import type { Cancel } from '../../ports/index.ts'
import { assert } from '../../protocol/assert.ts'
import type { Core } from '../core.ts'
import { createRounds } from '../rounds.ts'
import { announce } from '../verbs/announce.ts'
import type { Action } from './actions.ts'
import type { FraudConfig } from './config.ts'
import { createWatches, type Finding, type Watches, type WatchUse } from './deviceWatch.ts'
import { createFindingLog, type FindingLog } from './findingLog.ts'
import { createHolds, type Hold, type Holds } from './holds.ts'
import type { ProviderReading } from './observation.ts'
import { createObserver, type Observe } from './observe.ts'
import { at, type Column, NO_ROW, put } from './rows.ts'
import { ruleNames } from './rules.ts'
import { WATCHED_MAX } from './signs.ts'

/** How often a device is looked at. */
export const WATCH_ROUND_MS = 10_000
/** Meters that the rules see. */
export const METERS_WATCHED_MAX = 20_000
/** Meters of which it is learned what is usual. */
export const BASELINES_MAX = 10_000
/**
 * A look takes up to 2 us for each device and meter, 30 in the first round while it is compiled,
 * and telling a finding as much as so many.
 */
const LOOKS_PER_FINDING = 32
/** Findings told in one round; who is looked at later is told of in the next one. */
const FINDINGS_PER_ROUND_MAX = 1_000
const ROUND_BOUNDS = {
  perTurn: 64,
  perRound: WATCHED_MAX + METERS_WATCHED_MAX + LOOKS_PER_FINDING * FINDINGS_PER_ROUND_MAX,
}
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
  readonly use: () => WatchUse
  readonly providerReadings: Map<string, ProviderReading>
  readonly release: (fleet: string, device: string, by: string) => Hold | undefined
  readonly holdBack: (hold: Hold) => boolean
  readonly config: FraudConfig
  readonly stop: Cancel
}

type Parts = {
  readonly core: Core
  readonly config: FraudConfig
  readonly holds: Holds
  readonly watches: Watches
  readonly observe: Observe
  /** Row of each device, by name. */
  readonly devices: Map<string, number>
  readonly onlineSeconds: Column
  readonly told: ToldFinding[]
  readonly log: FindingLog
  isFullTold: boolean
}

/** Starts watching; undefined when the configuration says `off`. */
export function startFraudWatch(core: Core): FraudWatch | undefined {
  const config = core.config.fraud
  if (!config) return undefined
  const providerReadings = new Map<string, ProviderReading>()
  const parts = makeParts(core, config, providerReadings)
  const { holds, watches, told, log } = parts
  const { timers } = core.ports
  const rounds = createRounds(timers, ROUND_BOUNDS, core.signs.names, (name) => look(parts, name))
  const cancel = timers.every(WATCH_ROUND_MS, () => {
    endHolds(parts)
    tellFull(parts)
    rounds.begin()
  })
  return {
    ...{ holds, config, providerReadings },
    findings: () => told,
    use: watches.use,
    release: (fleet, device, by) => {
      const hold = holds.release(fleet, device)
      if (hold) tellRelease(core, hold, by)
      return hold
    },
    holdBack: (hold) => holdBack(parts, hold),
    stop: () => {
      cancel()
      rounds.stop()
      log.stop()
    },
  }
}

function makeParts(
  core: Core,
  config: FraudConfig,
  readings: ReadonlyMap<string, ProviderReading>,
): Parts {
  const { throttlePerMinute = 0n, limitPerDay = 0n } = config
  const limits = ruleNames.flatMap((rule) => {
    const own = config.rules[rule]
    return own ? [[rule, own.limits]] : []
  })
  const watches = createWatches(Object.fromEntries(limits), {
    devices: WATCHED_MAX,
    meters: METERS_WATCHED_MAX,
    baselines: BASELINES_MAX,
  })
  return {
    ...{ core, config, watches },
    holds: createHolds(core, { throttlePerMinute, limitPerDay }),
    observe: createObserver(core, watches, config, readings),
    devices: new Map(),
    onlineSeconds: watches.devices.column(0),
    told: [],
    log: createFindingLog(core.ports),
    isFullTold: false,
  }
}

/** How many rows it looked at, with what it told counted as so many more. */
function look(parts: Parts, name: string): number {
  const { core, devices, watches, onlineSeconds } = parts
  const device = devices.get(name) ?? begin(parts, name)
  const { seen, rows } = parts.observe(name, device)
  let told = 0
  for (const finding of watches.look(device, seen, rows)) {
    take(parts, name, finding)
    if (finding.kind !== 'known') told += 1
  }
  const { online, atSeconds } = seen
  if (online) put(onlineSeconds, device, atSeconds)
  else if (atSeconds - at(onlineSeconds, device) > FORGET_SECONDS) {
    devices.delete(name)
    watches.end(device)
    core.signs.forget(name)
  }
  return 1 + rows.length + told * LOOKS_PER_FINDING
}

function begin({ core, devices, watches, onlineSeconds }: Parts, name: string): number {
  const device = watches.begin()
  assert(device !== NO_ROW, 'no more devices are watched than are counted')
  devices.set(name, device)
  put(onlineSeconds, device, core.writer.seconds())
  return device
}

/** Once: how many there are changes all the time, and `tickpay fraud list` says it. */
function tellFull(parts: Parts): void {
  const { core, watches } = parts
  const { metersBeyond } = watches.use()
  const turnedAway = core.signs.turnedAway()
  if (parts.isFullTold || (metersBeyond === 0 && turnedAway === 0)) return
  parts.isFullTold = true
  const bounds = { devices: WATCHED_MAX, meters: METERS_WATCHED_MAX }
  const text = 'the watch is full: what comes later is not watched; see "tickpay fraud list"'
  core.ports.log('warn', text, { ...bounds, metersBeyond, turnedAway })
}

function take(parts: Parts, name: string, finding: Finding): void {
  const { core, config, told, log } = parts
  const { rule, words, atSeconds } = finding
  const [fleet = '', device = ''] = name.split('/')
  const action = actionOf(core, config, fleet, device, finding)
  if (finding.kind !== 'known') {
    const one = { ...finding, fleet, device, action }
    told.push(one)
    if (told.length > FINDINGS_MAX) told.shift()
    log.add(one)
    countFinding(core, rule, action)
    if (core.state.fleets.has(fleet)) {
      announce(core, fleet, { event: 'fraud_found', device, rule, words, action })
    }
  }
  if (action === 'notify') return
  const times = { sinceSeconds: atSeconds, lastSeconds: atSeconds }
  holdBack(parts, { fleet, device, action, by: rule, words, ...times })
}

function countFinding({ counters }: Core, rule: string, action: string): void {
  const ofRule = counters.findings.get(rule) ?? new Map<string, number>()
  counters.findings.set(rule, ofRule)
  ofRule.set(action, (ofRule.get(action) ?? 0) + 1)
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
