/**
 * Keeps what the fleet ordered, through restarts, and tells every meter's account how far it goes.
 * @module
 */
import { bytesToHex } from '../protocol/bytes.ts'
import { decodeDeviceOrders } from '../protocol/deviceOrders.ts'
import type { Account } from './account.ts'
import type { MeterSpending } from './fleetOrders.ts'
import { countSpending, isTooDear, leftOf, noFleetOrders, withOrders } from './fleetOrders.ts'
import { shownAmount } from './payerState.ts'
import type { Running } from './runningAgent.ts'

/** Takes `down/command`; it is durable soon after, and holds at once. */
export function takeOrders(running: Running, payload: Uint8Array): void {
  const { records, world } = running
  const orders = decodeDeviceOrders(payload)
  if (!orders) return
  records.keepOrders(withOrders(records.orders() ?? noFleetOrders, orders))
  applyOrders(running)
  records.saveOrders().catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    world.ports.log('error', 'the orders of the fleet are not durable', { reason })
  })
}

/** Counts what was spent, and tells the accounts; call it every second. */
export function applyOrders({ clock, meters, records }: Running): void {
  const known = records.orders()
  if (!known) return
  const accounts = [...meters.values()].map(({ account }) => account)
  const spending = accounts.flatMap(spendingOf)
  const orders = countSpending(known, spending, clock.now().seconds)
  records.keepOrders(orders)
  const left = leftOf(orders)
  for (const account of accounts) {
    const payer = account.payer()
    if (!payer.running) continue
    account.takeOrders({
      amountMax: left === undefined ? undefined : shownAmount(payer) + left,
      isTooDear: isTooDear(orders, account.config.unit, payer.running.terms),
    })
  }
}

/** Nothing before the gateway has proven what is held. */
function spendingOf(account: Account): MeterSpending[] {
  const payer = account.payer()
  if (!payer.running || !payer.facts) return []
  const channel = bytesToHex(payer.facts.channelId)
  return [{ meter: account.config.meter, channel, amount: shownAmount(payer) }]
}
