/**
 * Who belongs here: fleets with their allocation, devices with their channels, mandates. Every
 * function journals what it changes; the caller waits until that is durable.
 * @module
 */

import { OperatorError } from '../ports/operatorError.ts'
import { present } from '../protocol/assert.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { clientIdOf } from '../protocol/connect.ts'
import { isId } from '../protocol/ids.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { algorithmByte, encodePublicKey, parsePublicKey } from '../protocol/keys.ts'
import { POSITIONS_MAX } from '../protocol/limits.ts'
import type { MandateReason } from '../protocol/mandateRules.ts'
import type { Channel, Mandate, Signed } from '../protocol/structures.ts'
import { allocationStructure, digestOf } from '../protocol/structures.ts'
import type { Core } from './core.ts'
import { sendSlot } from './intake/answers.ts'
import { adoptChannels } from './intake/session.ts'
import { tellSupply } from './intake/sessionSupply.ts'
import { takeMandate } from './mandates.ts'
import { ALLOCATIONS_MAX, isClosed } from './state/hotChannels.ts'
import type { AllocationUse } from './state/state.ts'

export type MeterSpec = { readonly meter: string; readonly unit: string }

/** The id of the allocation that a fleet has at this gateway. */
export function allocationIdOf(core: Core, fleet: string): Uint8Array {
  const { gateway, payee, asset } = core.config
  const value = { fleet, gateway, payee, assetCode: asset.code, assetScale: asset.scale }
  return digestOf(core.state.domain, allocationStructure, value)
}

/** Makes a fleet known; its allocation must exist at the ledger. */
export async function enrolFleet(
  core: Core,
  fleet: string,
  signer: PublicKey,
  owner: PublicKey | undefined,
): Promise<Uint8Array> {
  requireId('fleet', fleet)
  if (core.state.allocations.length >= ALLOCATIONS_MAX) {
    throw new OperatorError(`this gateway has ${ALLOCATIONS_MAX} allocations: start another one`)
  }
  const allocation = allocationIdOf(core, fleet)
  await core.funds.load(allocation)
  if (!core.funds.state(allocation)) {
    throw new OperatorError(`fleet ${fleet} has no allocation at the ledger: open one first`)
  }
  const signerKey = encodePublicKey(signer)
  const ownerKey = owner && encodePublicKey(owner)
  core.writer.record({ kind: 'fleet', fleet, signerKey, ownerKey, allocation })
  return allocation
}

/** Makes a device and its meters known; meters that it has already are left as they are. */
export function enrolDevice(
  core: Core,
  fleet: string,
  device: string,
  key: PublicKey,
  meters: readonly MeterSpec[],
): readonly number[] {
  requireId('device', device)
  requireFleet(core, fleet)
  for (const spec of meters) requireMeter(core, spec)
  const encoded = encodePublicKey(key)
  if (needsKey(core, fleet, device, encoded)) {
    core.writer.record({ kind: 'device', fleet, device, key: encoded })
  }
  const open = openMeters(core, fleet, device)
  for (const spec of meters) {
    if (open.has(spec.meter)) continue
    openChannel(core, fleet, device, key, spec)
    open.add(spec.meter)
  }
  refreshSession(core, fleet, device)
  core.touch(fleet, device)
  return present(core.state.cold.device(fleet, device), 'the device is known').channels
}

/**
 * True when a device is new or was revoked, so that this key is to be recorded; false when it has
 * the key already.
 * @throws OperatorError when it may not have this key
 */
export function needsKey(core: Core, fleet: string, device: string, key: Uint8Array): boolean {
  requireFreeKey(core, fleet, device, key)
  const known = core.state.cold.device(fleet, device)
  const isChanged = known !== undefined && !equalBytes(known.key, key)
  if (isChanged && !isRevoked(core, fleet, device)) {
    const what = `device ${fleet}/${device} is enrolled with another key`
    throw new OperatorError(`${what}: use "tickpay device replace" to give it a new one`)
  }
  return !known || isChanged
}

/**
 * A new payer key or a changed meter: the old channels close and settle under their own key, and
 * new ones begin at base 0 with new positions.
 */
export function replaceDevice(
  core: Core,
  fleet: string,
  device: string,
  key: PublicKey | undefined,
  meter: string | undefined,
): readonly number[] {
  const record = requireDevice(core, fleet, device)
  if (isRevoked(core, fleet, device)) throw new OperatorError(revokedAdvice(fleet, device))
  if (key) requireFreeKey(core, fleet, device, encodePublicKey(key))
  const newKey = key ?? present(parsePublicKey(record.key), 'an enrolled key is sound')
  const concerned = record.channels.filter((channel) => {
    const named = core.state.cold.channel(channel).channel.meter === meter
    // No channel can be paid with a key that is gone; a closed one stays so unless it is named.
    return named || ((key || meter === undefined) && !isClosed(core.state.hot, channel))
  })
  if (concerned.length === 0) {
    const what = meter === undefined ? 'open channel' : `meter ${meter}`
    throw new OperatorError(`device ${fleet}/${device} has no ${what}: enrol its meters`)
  }
  if (key) core.writer.record({ kind: 'device', fleet, device, key: encodePublicKey(key) })
  for (const channel of concerned) closeChannel(core, channel)
  for (const channel of concerned) {
    const cold = core.state.cold.channel(channel)
    openChannel(core, fleet, device, newKey, { meter: cold.channel.meter, unit: cold.unit })
  }
  dropSession(core, fleet, device, 'the device was replaced')
  return requireDevice(core, fleet, device).channels
}

/**
 * Ends a device for good: its key opens nothing any more, its channels are closed, so that what was
 * accepted is settled and nothing else of its mandates counts. Returns how many were open.
 */
export function revokeDevice(core: Core, fleet: string, device: string): number {
  const { key, channels } = requireDevice(core, fleet, device)
  const open = channels.filter((channel) => !isClosed(core.state.hot, channel))
  if (isRevoked(core, fleet, device)) return 0
  core.writer.record({ kind: 'revoked', fleet, device, key })
  for (const channel of open) closeChannel(core, channel)
  core.touch(fleet, device)
  dropSession(core, fleet, device, 'the device was revoked')
  return open.length
}

/** True until the device is enrolled again, with another key. */
export function isRevoked({ state }: Core, fleet: string, device: string): boolean {
  const known = state.cold.device(fleet, device)
  return known !== undefined && state.cold.keyUse(known.key)?.revoked === true
}

function revokedAdvice(fleet: string, device: string): string {
  return `device ${fleet}/${device} was revoked: enrol it again, with a new key`
}

/** A key that two devices use tells them not apart; one that was revoked may be in wrong hands. */
function requireFreeKey(core: Core, fleet: string, device: string, key: Uint8Array): void {
  const use = core.state.cold.keyUse(key)
  if (use?.revoked) throw new OperatorError(`this key was revoked: ${revokedAdvice(fleet, device)}`)
  if (!use || (use.fleet === fleet && use.device === device)) return
  throw new OperatorError(`the key is that of device ${use.fleet}/${use.device}: make another one`)
}

/** No word is accepted any more; what is held is settled. */
export function closeChannel(core: Core, channel: number): void {
  if (isClosed(core.state.hot, channel)) return
  core.writer.record({ kind: 'closed', channel })
  const { fleet, device } = core.state.cold.channel(channel)
  core.touch(fleet, device)
  for (const session of sessionsOf(core, fleet, device)) tellSupply(core, session)
  core.hooks.closed()
}

function openChannel(
  core: Core,
  fleet: string,
  device: string,
  key: PublicKey,
  spec: MeterSpec,
): void {
  const slot = freeSlot(core, fleet, device)
  const channel = newChannel(core, fleet, key, spec.meter)
  core.writer.record({ kind: 'channel', fleet, device, slot, unit: spec.unit, channel })
}

function newChannel(core: Core, fleet: string, key: PublicKey, meter: string): Channel {
  const { gateway, payee, asset, feeBasisPoints } = core.config
  const { allocation } = requireFleet(core, fleet)
  const position = freePosition(core, allocation)
  if (position >= POSITIONS_MAX) {
    throw new OperatorError(`the allocation of fleet ${fleet} has no position left: open another`)
  }
  return {
    payerAlgorithm: algorithmByte(key.algorithm),
    payerKey: key.bytes,
    payee,
    feeBasisPoints,
    fleet,
    gateway,
    assetCode: asset.code,
    assetScale: asset.scale,
    meter,
    allocation,
    position,
    salt: core.ports.random.bytes(32),
  }
}

/** The lowest position that no channel of an allocation has or had. */
export function freePosition(core: Core, allocation: Uint8Array): number {
  const { nextPosition } = useOf(core, allocation)
  // A store restored from an older copy has forgotten positions that the ledger remembers.
  return Math.max(nextPosition, core.firstUnpaidPosition(allocation))
}

/** What this gateway uses of a fleet's allocation. */
export function useOf(core: Core, allocation: Uint8Array): AllocationUse {
  const use = core.state.allocations.find((one) => equalBytes(one.id, allocation))
  return present(use, 'a fleet has an allocation')
}

/** The slot of a closed channel is given again; its channel lives on without a slot. */
export function freeSlot(core: Core, fleet: string, device: string): number {
  const { channels } = requireDevice(core, fleet, device)
  const closed = channels.findIndex((channel) => isClosed(core.state.hot, channel))
  if (closed >= 0) return closed
  const max = core.config.limits.channelsPerDevice
  if (channels.length >= max) {
    const what = `device ${fleet}/${device} has ${channels.length} channels`
    throw new OperatorError(`${what}: raise limits.channelsPerDevice (64 at most)`)
  }
  return channels.length
}

/** Read once for all meters of a device: looking each of 64 up again took half of the time. */
function openMeters(core: Core, fleet: string, device: string): Set<string> {
  const channels = core.state.cold.device(fleet, device)?.channels ?? []
  const open = channels.filter((channel) => !isClosed(core.state.hot, channel))
  return new Set(open.map((channel) => core.state.cold.channel(channel).channel.meter))
}

/** Channel number of a device's open meter. */
export function findMeter(
  core: Core,
  fleet: string,
  device: string,
  meter: string,
): number | undefined {
  const channels = core.state.cold.device(fleet, device)?.channels ?? []
  return channels.find(
    (channel) =>
      !isClosed(core.state.hot, channel) &&
      core.state.cold.channel(channel).channel.meter === meter,
  )
}

/** Takes a mandate and tells the device of it; for `fleet` only those of its own channels. */
export function putMandate(
  core: Core,
  mandate: Signed<Mandate>,
  fleet: string | undefined,
): MandateReason | 'accepted' | 'repeated' {
  const channel = core.state.cold.numberOf(mandate.value.channelId)
  if (channel === undefined) return 'unknown_channel'
  const record = core.state.cold.channel(channel)
  if (fleet !== undefined && record.fleet !== fleet) return 'unknown_channel'
  const verdict = takeMandate(core, mandate)
  if (verdict !== 'accepted') return verdict
  core.touch(record.fleet, record.device)
  for (const session of sessionsOf(core, record.fleet, record.device)) {
    if (session.channels[record.slot] === channel) sendSlot(core, session, record.slot)
  }
  return verdict
}

/** Takes supply away from all channels of a device; how many there are. Words still count. */
export function pauseDevice(core: Core, fleet: string, device: string): number {
  return setPaused(core, fleet, device, true)
}

export function resumeDevice(core: Core, fleet: string, device: string): number {
  return setPaused(core, fleet, device, false)
}

function setPaused(core: Core, fleet: string, device: string, paused: boolean): number {
  const { channels } = requireDevice(core, fleet, device)
  for (const channel of channels) core.writer.record({ kind: 'paused', channel, paused })
  for (const session of sessionsOf(core, fleet, device)) tellSupply(core, session)
  core.touch(fleet, device)
  return channels.length
}

export function requireFleet(core: Core, fleet: string) {
  const known = core.state.fleets.get(fleet)
  if (!known) throw new OperatorError(`fleet ${fleet} is not enrolled: see "tickpay enrol fleet"`)
  return known
}

export function requireDevice(core: Core, fleet: string, device: string) {
  const known = core.state.cold.device(fleet, device)
  if (known) return known
  throw new OperatorError(`device ${fleet}/${device} is not enrolled: see "tickpay enrol device"`)
}

/** @throws OperatorError when a meter cannot be paid for here */
export function requireMeters(core: Core, meters: readonly MeterSpec[]): void {
  for (const spec of meters) requireMeter(core, spec)
}

export function requireMeter(core: Core, { meter, unit }: MeterSpec): void {
  requireId('meter', meter)
  if (core.config.tariffs.some((tariff) => tariff.unit === unit)) return
  throw new OperatorError(`no tariff for unit ${unit}: add one to the configuration`)
}

export function requireId(what: string, text: string): void {
  if (isId(text)) return
  const allowed = 'use a-z, 0-9 and "-", at most 48 characters, first no "-"'
  throw new OperatorError(`${what} "${text}" is no valid name: ${allowed}`)
}

function sessionsOf(core: Core, fleet: string, device: string) {
  const session = core.sessions.get(clientIdOf(fleet, device))
  return session ? [session] : []
}

function refreshSession(core: Core, fleet: string, device: string): void {
  for (const session of sessionsOf(core, fleet, device)) {
    if (!session.greeted) continue
    adoptChannels(session, core.state.cold.device(fleet, device))
    for (const slot of session.channels.keys()) sendSlot(core, session, slot)
  }
}

function dropSession(core: Core, fleet: string, device: string, reason: string): void {
  for (const session of sessionsOf(core, fleet, device)) core.link.disconnect(session.id, reason)
}
