/**
 * Gathers the facts for a channel's supply and tells devices of changes that no tick brings about.
 * @module
 */

import type { SupplyState } from '../../protocol/messages.ts'
import { encodeSupply } from '../../protocol/messages.ts'
import type { Core } from '../core.ts'
import { FLAG_PAUSED, heldAmount, heldReading, isClosed } from '../state/hotChannels.ts'
import { decideSupply } from '../supply.ts'
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
  const { hot, fencePosition } = core.state
  const { columns } = hot
  const nowSeconds = core.writer.seconds()
  const price = columns.pricePerTick[channel] ?? 0n
  const committed = (columns.epoch[channel] ?? 0) !== 0
  return decideSupply({
    nowSeconds,
    closed: isClosed(hot, channel),
    paused: ((columns.flags[channel] ?? 0) & FLAG_PAUSED) !== 0,
    mandateExpirySeconds: columns.mandateExpirySeconds[channel] ?? 0,
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
  })
}

/** A device that says what it used and does not pay for it shall not go on. */
function unpaidUnits(
  core: Core,
  session: Session | undefined,
  slot: number,
  channel: number,
): bigint {
  const register = session?.registers.get(slot)
  return register === undefined ? 0n : register - heldReading(core.state.hot, channel)
}

function spentToday(core: Core, channel: number, nowSeconds: number): bigint {
  const { hot } = core.state
  if (hot.columns.day[channel] !== Math.floor(nowSeconds / DAY_SECONDS)) return 0n
  return heldAmount(hot, channel) - (hot.columns.dayStart[channel] ?? 0n)
}

/** Sends `down/supply` for every slot of a session whose supply is no longer what it was told. */
export function tellSupply(core: Core, session: Session): void {
  if (!session.greeted) return
  for (const [slot, channel] of session.channels.entries()) {
    const supply = supplyOf(core, session, slot, channel)
    const told = session.supply.get(slot)
    if (told?.level === supply.level && told.reason === supply.reason) continue
    session.supply.set(slot, supply)
    const notice = () => encodeSupply({ slot, supply })
    sendDurable(core, session, 'supply', notice, `supply ${slot}`)
  }
}
