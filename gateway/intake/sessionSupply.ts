/**
 * Gathers the facts for a channel's supply and tells devices of changes that no tick brings about.
 * @module
 */

import { bytesToHex } from '../../protocol/bytes.ts'
import { encodeDeviceOrders } from '../../protocol/deviceOrders.ts'
import type { SupplyState } from '../../protocol/messages.ts'
import { encodeSupply } from '../../protocol/messages.ts'
import type { Core } from '../core.ts'
import { FLAG_PAUSED, heldAmount, heldReading, isClosed } from '../state/hotChannels.ts'
import { hasPlainlyBegun } from '../state/mandateStarts.ts'
import type { SupplyFacts } from '../supply.ts'
import { decideSupply } from '../supply.ts'
import type { SupplyCore, Witness } from './plainSupply.ts'
import { isPlainlyOn, plainlyOn } from './plainSupply.ts'
import { sendDurable } from './send.ts'
import type { Session } from './session.ts'

const DAY_SECONDS = 86_400

/**
 * Supply of a channel as far as a session (absent: none is connected) is concerned. What a device
 * gives away about itself counts only when it was the device that said it.
 */
export function supplyOf(
  core: Core,
  session: Session | undefined,
  slot: number,
  channel: number,
): SupplyState {
  const witness = session?.identified === 'by_login' ? session : undefined
  const nowSeconds = core.writer.seconds()
  if (isPlainlyOn(core, witness, slot, channel, nowSeconds)) return plainlyOn
  return decideSupply(supplyFacts(core, witness, slot, channel, nowSeconds))
}

/** All that supply depends on. */
export function supplyFacts(
  core: SupplyCore,
  witness: Witness | undefined,
  slot: number,
  channel: number,
  nowSeconds: number,
): SupplyFacts {
  const { hot, fencePosition } = core.state
  const { columns } = hot
  const price = columns.pricePerTick[channel] ?? 0n
  const committed = (columns.epoch[channel] ?? 0) !== 0
  return {
    nowSeconds,
    closed: isClosed(hot, channel),
    paused: ((columns.flags[channel] ?? 0) & FLAG_PAUSED) !== 0,
    ordered: core.policies?.heldBack(channel),
    mandateExpirySeconds: columns.mandateExpirySeconds[channel] ?? 0,
    mandateNotBeforeSeconds: notBeforeOf(core, channel, nowSeconds),
    commitmentExpirySeconds: columns.commitmentExpirySeconds[channel] ?? 0,
    fenced: committed && (columns.checkpointPosition[channel] ?? 0) < fencePosition,
    cloneSuspected: witness?.cloneSuspected.has(slot) ?? false,
    spentToday: spentToday(core, channel, nowSeconds),
    creditAmount: BigInt(columns.creditTicks[channel] ?? 0) * price,
    limitPerDay: columns.limitPerDay[channel] ?? 0n,
    held: heldAmount(hot, channel),
    limit: columns.limit[channel] ?? 0n,
    unpaidUnits: committed ? unpaidUnits(core, witness, slot, channel) : 0n,
    creditUnits: BigInt(columns.creditTicks[channel] ?? 0) * (columns.unitsPerTick[channel] ?? 0n),
    spaceLow: core.spaceLow(),
  }
}

function notBeforeOf({ state }: SupplyCore, channel: number, nowSeconds: number): number {
  if (hasPlainlyBegun(state.mandateStarts, channel, nowSeconds)) return 0
  return state.cold.mandate(channel)?.value.notBefore ?? 0
}

/** A device that says what it used and does not pay for it shall not go on. */
function unpaidUnits(
  core: Pick<Core, 'state'>,
  witness: Witness | undefined,
  slot: number,
  channel: number,
): bigint {
  const register = witness?.registers.get(slot)
  return register === undefined ? 0n : register - heldReading(core.state.hot, channel)
}

function spentToday(core: Pick<Core, 'state'>, channel: number, nowSeconds: number): bigint {
  const { hot } = core.state
  if (hot.columns.day[channel] !== Math.floor(nowSeconds / DAY_SECONDS)) return 0n
  return heldAmount(hot, channel) - (hot.columns.dayStart[channel] ?? 0n)
}

/** Sends `down/command` when what the fleet ordered is not what the device was told. */
export function tellOrders(core: Core, session: Session): void {
  const { fleet, device } = session
  const version = core.policies.version(fleet)
  if (version === session.orders.version) return
  const message = encodeDeviceOrders(core.policies.ordersFor(fleet, device))
  const told = bytesToHex(message)
  const isNews = told !== session.orders.told
  session.orders = { version, told }
  if (isNews) sendDurable(core, session, 'command', () => message, 'command')
}

/** Sends `down/supply` for every slot of a session whose supply is no longer what it was told. */
export function tellSupply(core: Core, session: Session): void {
  if (!session.greeted) return
  tellOrders(core, session)
  for (const [slot, channel] of session.channels.entries()) {
    const supply = supplyOf(core, session, slot, channel)
    const told = session.supply[slot]
    if (told?.level === supply.level && told.reason === supply.reason) continue
    session.supply[slot] = supply
    const notice = () => encodeSupply({ slot, supply })
    sendDurable(core, session, 'supply', notice, `supply ${slot}`)
  }
}
