/**
 * What the verbs of fleets do. Whoever asks has been judged before; each answers what it touched,
 * and in a dry run touches nothing.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { FLEET_ITSELF } from '../../protocol/ids.ts'
import type { Core } from '../core.ts'
import {
  closeChannel,
  findMeter,
  pauseDevice,
  replaceDevice,
  requireDevice,
  requireFleet,
  resumeDevice,
  revokeDevice,
  useOf,
} from '../enrolment.ts'
import { tellSupply } from '../intake/sessionSupply.ts'
import type { Member } from '../policies/members.ts'
import { GATEWAY_SCOPE } from '../policies/policies.ts'
import type { Policy, Target } from '../policies/policy.ts'
import { scopeOf, spans } from '../policies/policy.ts'
import { sessionOf } from '../reports.ts'
import { announce } from './announce.ts'
import { exportPage, listChannels, policyPage } from './pages.ts'
import type { VerbArguments, VerbName } from './table.ts'

/** Verbs that the tables of statements and mandates carry out. */
export type ElsewhereName =
  | 'statement'
  | 'statement-leaves'
  | 'statement-known'
  | 'mandate'
  | 'cosign'

type Runners = {
  readonly [N in Exclude<VerbName, ElsewhereName>]: (
    fleet: string,
    args: VerbArguments<N>,
  ) => unknown
}

/** What an order touches. */
type Touched = { readonly devices: number; readonly channels: number; readonly dryRun: boolean }

export function verbRunners(core: Core, settle: () => Promise<unknown>): Runners {
  return {
    list: (fleet, args) => listChannels(core, fleet, args),
    get: (fleet, args) => listChannels(core, fleet, args),
    policy: (fleet, { from }) => policyPage(core, fleet, from ?? 0),
    export: (fleet, { from }) => exportPage(core, fleet, from ?? 0),
    pause: (fleet, args) => setPause(core, fleet, args, true),
    resume: (fleet, args) => setPause(core, fleet, args, false),
    limit: (fleet, args) => limit(core, fleet, args),
    'price-ceiling': (fleet, args) => ceiling(core, fleet, args),
    assign: (fleet, args) => assign(core, fleet, args),
    'top-up': (fleet, args) => topUp(core, fleet, args),
    rotate: (fleet, { device, key, dry_run }) => {
      const touched = touchedBy(deviceMembers(core, fleet, device), dry_run)
      if (!dry_run) replaceDevice(core, fleet, device, key, undefined)
      return touched
    },
    revoke: (fleet, { device, dry_run }) => {
      const touched = touchedBy(deviceMembers(core, fleet, device), dry_run)
      if (!dry_run) revokeDevice(core, fleet, device)
      return touched
    },
    close: async (fleet, { device, meter, dry_run }) => {
      requireDevice(core, fleet, device)
      const channel = findMeter(core, fleet, device, meter)
      if (channel === undefined) {
        throw new OperatorError(`device ${fleet}/${device} has no open channel for meter ${meter}`)
      }
      if (!dry_run) {
        closeChannel(core, channel)
        await settle()
      }
      return { devices: 1, channels: 1, dryRun: dry_run }
    },
  }
}

function touchedBy(members: readonly Member[], dryRun: boolean): Touched {
  const devices = new Set(members.map(({ device }) => device)).size
  return { devices, channels: members.length, dryRun }
}

function deviceMembers(core: Core, fleet: string, device: string): readonly Member[] {
  requireDevice(core, fleet, device)
  return core.policies.reach(fleet, `device:${device}`)
}

/** The scope of a target, and the open channels in it. */
function reachOf(core: Core, fleet: string, target: Target) {
  const scope = scopeOf(target)
  if (scope === undefined) {
    throw new OperatorError('name one of device, group and site, or "all": true for the fleet')
  }
  requireFleet(core, fleet)
  if (target.device !== undefined) requireDevice(core, fleet, target.device)
  const members = core.policies.reach(fleet, scope)
  const isEmptyPart = target.group !== undefined || target.site !== undefined
  if (isEmptyPart && members.length === 0 && !core.policies.scopes(fleet).includes(scope)) {
    throw new OperatorError(
      `fleet ${fleet} has no ${scope.replace(':', ' ')}: assign devices to it`,
    )
  }
  return { scope, members }
}

/** Connected devices are told at once, and reports follow. */
function tell(core: Core, fleet: string, members: readonly Member[]): void {
  for (const device of new Set(members.map((one) => one.device))) {
    core.touch(fleet, device)
    const session = sessionOf(core, fleet, device)
    if (session) tellSupply(core, session)
  }
}

/** A device is paused by its channels, so that one that is replaced begins anew. */
function setPause(
  core: Core,
  fleet: string,
  { dry_run, ...target }: VerbArguments<'pause'>,
  paused: boolean,
) {
  const { scope, members } = reachOf(core, fleet, target)
  const touched = touchedBy(members, dry_run)
  if (dry_run) return touched
  if (target.device !== undefined) {
    const act = paused ? pauseDevice : resumeDevice
    return { ...touched, channels: act(core, fleet, target.device) }
  }
  const { paused: _, ...rest } = core.policies.policy(fleet, scope)
  core.policies.put(fleet, scope, paused ? { ...rest, paused } : rest)
  tell(core, fleet, members)
  return touched
}

/** All fleets: the operator alone asks for it. */
export function pauseGateway(core: Core, paused: boolean, dryRun: boolean): Touched {
  const fleets = [...core.state.fleets.keys()]
  const reached = fleets.map((fleet) => [fleet, core.policies.reach(fleet, 'fleet')] as const)
  const touched = reached.map(([, members]) => touchedBy(members, dryRun))
  if (!dryRun) {
    const policy: Policy = { limits: {}, ceilings: {}, ...(paused ? { paused } : {}) }
    core.policies.put(FLEET_ITSELF, GATEWAY_SCOPE, policy)
    for (const [fleet, members] of reached) tell(core, fleet, members)
  }
  const sum = (of: (one: Touched) => number) => touched.reduce((all, one) => all + of(one), 0)
  return { devices: sum((one) => one.devices), channels: sum((one) => one.channels), dryRun }
}

function limit(core: Core, fleet: string, { dry_run, ...args }: VerbArguments<'limit'>) {
  const { scope, members } = reachOf(core, fleet, args)
  const before = core.policies.policy(fleet, scope)
  const limits = { ...before.limits }
  for (const span of spans) {
    const wanted = args[`per_${span}`]
    if (wanted === null) delete limits[span]
    else if (wanted !== undefined) limits[span] = wanted
  }
  return change(core, fleet, scope, members, { ...before, limits }, dry_run)
}

function ceiling(
  core: Core,
  fleet: string,
  { dry_run, unit, price, units, ...target }: VerbArguments<'price-ceiling'>,
) {
  if (units === 0n) throw new OperatorError('a ceiling is for at least one unit')
  const { scope, members } = reachOf(core, fleet, target)
  const before = core.policies.policy(fleet, scope)
  const { [unit]: _, ...others } = before.ceilings
  const ceilings = price === null ? others : { ...others, [unit]: { price, units } }
  return change(core, fleet, scope, members, { ...before, ceilings }, dry_run)
}

function change(
  core: Core,
  fleet: string,
  scope: string,
  members: readonly Member[],
  policy: Policy,
  dryRun: boolean,
) {
  const touched = touchedBy(members, dryRun)
  if (dryRun) return touched
  core.policies.put(fleet, scope, policy)
  tell(core, fleet, members)
  const { limits, ceilings } = core.policies.report(fleet, scope)
  return { ...touched, scope, limits, ceilings }
}

function assign(core: Core, fleet: string, args: VerbArguments<'assign'>): Touched {
  const { devices, dry_run } = args
  const members = devices.flatMap((device) => deviceMembers(core, fleet, device))
  if (!dry_run) {
    for (const device of devices) {
      const before = core.policies.membership(fleet, device)
      const named = (wanted: string | null | undefined, was: string | undefined) =>
        wanted === undefined ? was : (wanted ?? undefined)
      const group = named(args.group, before.group)
      const site = named(args.site, before.site)
      core.policies.assign(fleet, device, { ...(group && { group }), ...(site && { site }) })
    }
    tell(core, fleet, members)
  }
  return { ...touchedBy(members, dry_run), devices: devices.length }
}

/** Money that somebody says is coming is told of, and counts for nothing. */
function topUp(core: Core, fleet: string, args: VerbArguments<'top-up'>) {
  const { allocation } = requireFleet(core, fleet)
  const { amount, reference, dry_run } = args
  if (!dry_run) {
    const about = { fleet, amount: `${amount}`, ...(reference ? { reference } : {}) }
    core.ports.log('info', 'a fleet says that a deposit is under way', about)
    announce(core, fleet, { event: 'deposit_announced', ...about })
  }
  const setAside = core.funds.state(allocation)
  return {
    amount: `${amount}`,
    reference: reference ?? null,
    available: `${setAside?.available ?? 0n}`,
    reserved: `${useOf(core, allocation).reserved}`,
    dryRun: dry_run,
  }
}
