/**
 * What fleets ordered for parts of themselves, put into effect: which channels are held back, and
 * why. It acts on supply alone; what is paid is accepted whatever stands here.
 * @module
 */
import { FLEET_SCOPE } from '../../protocol/commandRules.ts'
import type { DeviceOrders } from '../../protocol/deviceOrders.ts'
import { noDeviceOrders, tighter } from '../../protocol/deviceOrders.ts'
import { FLEET_ITSELF } from '../../protocol/ids.ts'
import { heldAmount, isClosed, reservedAmount } from '../state/hotChannels.ts'
import type { GatewayState } from '../state/state.ts'
import type { Writer } from '../state/writer.ts'
import type { OrderedReason } from '../supply.ts'
import type { Member } from './members.ts'
import { createMembers } from './members.ts'
import type { Beginnings, Membership, Policy } from './policy.ts'
import {
  beginningsText,
  isOverCeiling,
  isOverLimit,
  memberScope,
  membershipText,
  parseBeginnings,
  parseMembership,
  parsePolicy,
  policyText,
  quarantineScope,
  roll,
  shift,
  spans,
  spentIn,
  watchScope,
} from './policy.ts'

/** The whole gateway stands under the name of no fleet, in this scope. */
export const GATEWAY_SCOPE = 'gateway'

export type ScopeReport = {
  readonly scope: string
  readonly paused: boolean
  readonly limits: Readonly<Record<string, string>>
  readonly ceilings: Readonly<Record<string, { readonly price: string; readonly units: string }>>
  readonly devices: number
  readonly channels: number
  /** Since each span began (UTC), where something is limited. */
  readonly spent: Readonly<Record<string, string>>
  readonly accepted: string
  readonly reserved: string
  readonly settled: string
  readonly exposure: string
}

export type Policies = {
  /** Why a channel is held back; undefined when nothing says so. */
  readonly heldBack: (channel: number) => OrderedReason | undefined
  readonly policy: (fleet: string, scope: string) => Policy
  readonly membership: (fleet: string, device: string) => Membership
  /** All limits and ceilings that concern a device, the tightest of each. */
  readonly ordersFor: (fleet: string, device: string) => DeviceOrders
  /** Rises with every order; 0 as long as a fleet has never given one. */
  readonly version: (fleet: string) => number
  /** Journals a policy and puts it into effect. */
  readonly put: (fleet: string, scope: string, policy: Policy) => void
  readonly assign: (fleet: string, device: string, membership: Membership) => void
  /** Open channels that an order for `scope` concerns. */
  readonly reach: (fleet: string, scope: string) => readonly Member[]
  /** All channels of a fleet, also closed ones, in the order in which they were opened. */
  readonly members: (fleet: string) => readonly Member[]
  /** Scopes of a fleet that are known, itself first. */
  readonly scopes: (fleet: string) => readonly string[]
  readonly report: (fleet: string, scope: string) => ScopeReport
  /** Looks at everything that time and payments may have changed; call every second. */
  readonly sweep: () => void
}

type Deps = {
  readonly state: GatewayState
  readonly writer: Pick<Writer, 'record' | 'seconds'>
}

type Known = Deps & {
  readonly membersOf: (fleet: string) => readonly Member[]
  readonly held: Map<number, OrderedReason>
  /** By fleet and scope: where spending stood; a copy of the journal's, with the minutes. */
  readonly beginnings: Map<string, Beginnings>
  /** Orders given since the start, by fleet. */
  readonly given: Map<string, number>
  /** Fleets whose sums take long are looked at less often. */
  readonly nextAtSeconds: Map<string, number>
}

/** A look at so many channels takes some 20 ms. */
const CHANNELS_PER_SECOND = 20_000

export function createPolicies(deps: Deps): Policies {
  const known: Known = {
    ...deps,
    membersOf: createMembers(deps.state),
    held: new Map(),
    beginnings: new Map(),
    given: new Map(),
    nextAtSeconds: new Map(),
  }
  const membership = (fleet: string, device: string) => membershipOf(known, fleet, device)
  return {
    heldBack: (channel) => (known.held.size === 0 ? undefined : known.held.get(channel)),
    policy: (fleet, scope) => policyOf(known, fleet, scope),
    membership,
    ordersFor: (fleet, device) =>
      scopesByDevice(
        known,
        fleet,
      )(device)
        .map((scope) => policyOf(known, fleet, scope))
        .reduce(tighter, noDeviceOrders),
    version: (fleet) => versionOf(known, fleet),
    put: (fleet, scope, policy) => {
      record(known, 'policy', fleet, scope, policyText(policy))
      if (fleet === FLEET_ITSELF) sweepAll(known)
      else evaluate(known, fleet)
    },
    assign: (fleet, device, next) => assign(known, fleet, device, next),
    reach: (fleet, scope) => reach(known, fleet, scope).filter((one) => !isOver(known, one)),
    members: known.membersOf,
    scopes: (fleet) => scopesOf(known, fleet),
    report: (fleet, scope) => report(known, fleet, scope),
    sweep: () => sweepDue(known),
  }
}

function record(
  { given, writer }: Known,
  what: 'policy' | 'spending',
  fleet: string,
  scope: string,
  value: string,
): void {
  writer.record({ kind: 'order', order: { what, fleet, scope, value } })
  if (what === 'policy') given.set(fleet, (given.get(fleet) ?? 0) + 1)
}

/** Whoever ordered anything once may have taken it back while a device was away. */
function versionOf({ given, state }: Known, fleet: string): number {
  const { nonces, policies } = state.orders
  const before = nonces.has(fleet) || policies.has(fleet) ? 1 : 0
  return before + (given.get(fleet) ?? 0)
}

function policyOf({ state }: Known, fleet: string, scope: string): Policy {
  return parsePolicy(state.orders.policies.get(fleet)?.get(scope))
}

function membershipOf({ state }: Known, fleet: string, device: string): Membership {
  return parseMembership(state.orders.policies.get(fleet)?.get(memberScope(device)))
}

function isOver({ state }: Known, { channel }: Member): boolean {
  return isClosed(state.hot, channel)
}

/** All channels of a scope that ever were: what they spent does not go away with them. */
function reach(known: Known, fleet: string, scope: string): readonly Member[] {
  if (scope === GATEWAY_SCOPE) {
    return [...known.state.fleets.keys()].flatMap((one) => known.membersOf(one))
  }
  const all = known.membersOf(fleet)
  if (scope === FLEET_SCOPE) return all
  const isIn = inScope(known, fleet)
  return all.filter(({ device }) => isIn(device, scope))
}

function inScope(known: Known, fleet: string) {
  const scopes = scopesByDevice(known, fleet)
  return (device: string, scope: string) => scopes(device).includes(scope)
}

/** The scopes that a device is in, the narrowest first; read once for all its channels. */
function scopesByDevice(known: Known, fleet: string) {
  const cache = new Map<string, readonly string[]>()
  return (device: string) => {
    const cached = cache.get(device)
    if (cached) return cached
    const { group, site } = membershipOf(known, fleet, device)
    const scopes = [`device:${device}`, watchScope(device), quarantineScope(device)]
    if (group !== undefined) scopes.push(`group:${group}`)
    if (site !== undefined) scopes.push(`site:${site}`)
    scopes.push(FLEET_SCOPE)
    cache.set(device, scopes)
    return scopes
  }
}

function scopesOf(known: Known, fleet: string): readonly string[] {
  const named = [...(known.state.orders.policies.get(fleet)?.keys() ?? [])]
  const found = new Set([FLEET_SCOPE])
  for (const scope of named) {
    if (!scope.startsWith('member:')) found.add(scope)
    else {
      const { group, site } = membershipOf(known, fleet, scope.slice('member:'.length))
      if (group !== undefined) found.add(`group:${group}`)
      if (site !== undefined) found.add(`site:${site}`)
    }
  }
  return [...found].sort((a, b) => (a === FLEET_SCOPE ? -1 : b === FLEET_SCOPE ? 1 : compare(a, b)))
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b))

function sumOf({ state }: Known, members: readonly Member[]): bigint {
  return members.reduce((sum, { channel }) => sum + heldAmount(state.hot, channel), 0n)
}

const keyOf = (fleet: string, scope: string) => `${fleet} ${scope}`

/** Where the spending of a scope stood, rolled on to now and journaled when a long span began. */
function beginningsOf(known: Known, fleet: string, scope: string, sum: bigint): Beginnings {
  const { beginnings, state, writer } = known
  const key = keyOf(fleet, scope)
  const before =
    beginnings.get(key) ?? parseBeginnings(state.orders.spending.get(fleet)?.get(scope))
  const now = roll(before, sum, writer.seconds())
  if (now !== before) beginnings.set(key, now)
  const isNews = spans.some((span) => span !== 'minute' && now[span] !== before[span])
  if (isNews) record(known, 'spending', fleet, scope, beginningsText(now))
  return now
}

type Effect = {
  readonly policy: Policy
  readonly beginnings: Beginnings
  readonly sum: bigint
}

/** Decides again about every channel of a fleet. */
function evaluate(known: Known, fleet: string): void {
  const { held, state } = known
  const members = known.membersOf(fleet)
  const effects = effectsOf(known, fleet, members)
  const isAllPaused = policyOf(known, FLEET_ITSELF, GATEWAY_SCOPE).paused === true
  const scopesFor = scopesByDevice(known, fleet)
  for (const member of members) {
    const { channel, device } = member
    const concerning = scopesFor(device).flatMap((scope) => effects.get(scope) ?? [])
    const reason = isAllPaused ? 'paused' : reasonFor(state, member, concerning)
    if (reason && !isClosed(state.hot, channel)) held.set(channel, reason)
    else held.delete(channel)
  }
}

function effectsOf(known: Known, fleet: string, members: readonly Member[]): Map<string, Effect> {
  const scopesFor = scopesByDevice(known, fleet)
  const sums = new Map<string, bigint>()
  const named = known.state.orders.policies.get(fleet) ?? new Map<string, string>()
  for (const { channel, device } of members) {
    const amount = heldAmount(known.state.hot, channel)
    for (const scope of scopesFor(device)) {
      if (named.has(scope)) sums.set(scope, (sums.get(scope) ?? 0n) + amount)
    }
  }
  return new Map(
    [...sums].map(([scope, sum]) => {
      const policy = parsePolicy(named.get(scope))
      const isLimited = Object.keys(policy.limits).length > 0
      const beginnings = isLimited ? beginningsOf(known, fleet, scope, sum) : {}
      return [scope, { policy, beginnings, sum }]
    }),
  )
}

function reasonFor(
  { hot }: GatewayState,
  { channel, unit }: Member,
  effects: readonly Effect[],
): OrderedReason | undefined {
  if (effects.length === 0) return undefined
  if (effects.some(({ policy }) => policy.paused)) return 'paused'
  const price = hot.columns.pricePerTick[channel] ?? 0n
  const credit = BigInt(hot.columns.creditTicks[channel] ?? 0) * price
  if (effects.some(({ policy, beginnings, sum }) => isOverLimit(policy, beginnings, sum, credit))) {
    return 'over_limit'
  }
  const units = hot.columns.unitsPerTick[channel] ?? 0n
  const isDear = effects.some(({ policy }) => isOverCeiling(policy, unit, price, units))
  return isDear ? 'price_ceiling' : undefined
}

/** What a device spent before it came does not count in its new group, nor leave the old one. */
function assign(known: Known, fleet: string, device: string, next: Membership): void {
  const before = scopesByDevice(known, fleet)(device)
  const amount = sumOf(known, reach(known, fleet, `device:${device}`))
  record(known, 'policy', fleet, memberScope(device), membershipText(next))
  const after = scopesByDevice(known, fleet)(device)
  for (const scope of before) if (!after.includes(scope)) move(known, fleet, scope, -amount)
  for (const scope of after) if (!before.includes(scope)) move(known, fleet, scope, amount)
  evaluate(known, fleet)
}

function move(known: Known, fleet: string, scope: string, amount: bigint): void {
  const key = keyOf(fleet, scope)
  const journaled = known.state.orders.spending.get(fleet)?.get(scope)
  const before = known.beginnings.get(key) ?? (journaled ? parseBeginnings(journaled) : undefined)
  if (!before) return
  const moved = shift(before, amount)
  known.beginnings.set(key, moved)
  record(known, 'spending', fleet, scope, beginningsText(moved))
}

function report(known: Known, fleet: string, scope: string): ScopeReport {
  const { hot } = known.state
  const policy = policyOf(known, fleet, scope)
  const members = reach(known, fleet, scope)
  const open = members.filter((one) => !isOver(known, one))
  const sum = sumOf(known, members)
  const isLimited = Object.keys(policy.limits).length > 0
  const beginnings = isLimited ? beginningsOf(known, fleet, scope, sum) : undefined
  const total = (of: (channel: number) => bigint) =>
    members.reduce((all, { channel }) => all + of(channel), 0n).toString()
  const paid = (channel: number) => hot.columns.paid[channel] ?? 0n
  const owed = (channel: number) => heldAmount(hot, channel) - paid(channel)
  return {
    scope,
    paused: policy.paused === true,
    limits: textOf(policy.limits),
    ceilings: Object.fromEntries(
      Object.entries(policy.ceilings).map(([unit, { price, units }]) => [
        unit,
        { price: `${price}`, units: `${units}` },
      ]),
    ),
    devices: new Set(open.map(({ device }) => device)).size,
    channels: open.length,
    spent: beginnings ? spentOf(beginnings, sum) : {},
    accepted: `${sum}`,
    reserved: total((channel) => reservedAmount(hot, channel)),
    settled: total(paid),
    exposure: total((channel) => (owed(channel) > 0n ? owed(channel) : 0n)),
  }
}

function spentOf(beginnings: Beginnings, sum: bigint) {
  return textOf(Object.fromEntries(spans.map((span) => [span, spentIn(beginnings, span, sum)])))
}

function textOf(amounts: Readonly<Record<string, bigint | undefined>>) {
  return Object.fromEntries(Object.entries(amounts).map(([name, one]) => [name, `${one}`]))
}

/** Only where something was ordered; the others are not even listed. */
function sweepDue(known: Known): void {
  const { nextAtSeconds, state, writer } = known
  const isAllPaused = state.orders.policies.has(FLEET_ITSELF)
  const fleets = isAllPaused ? state.fleets.keys() : state.orders.policies.keys()
  for (const fleet of fleets) {
    if (fleet === FLEET_ITSELF) continue
    const now = writer.seconds()
    const next = nextAtSeconds.get(fleet) ?? 0
    // A clock that went back must not put this off.
    if (now < next && next - now < 3_600) continue
    evaluate(known, fleet)
    const channels = known.membersOf(fleet).length
    nextAtSeconds.set(fleet, now + Math.ceil(channels / CHANNELS_PER_SECOND))
  }
}

function sweepAll(known: Known): void {
  for (const fleet of known.state.fleets.keys()) {
    const isConcerned =
      known.state.orders.policies.has(fleet) ||
      known.state.orders.policies.has(FLEET_ITSELF) ||
      known.held.size > 0
    if (isConcerned) evaluate(known, fleet)
  }
}
