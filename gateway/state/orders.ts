/**
 * What fleets ordered, as the gateway's journal knows it: the Commands that were used, what holds
 * for parts of a fleet, and where their spending stood when an hour, a day or a month began.
 * @module
 */
import type { WireValue } from '../../protocol/cbor.ts'
import type { Row } from './eventCodec.ts'

/** `value` is JSON; empty text ends what was there. */
export type Order =
  | { readonly what: 'used'; readonly fleet: string; readonly nonce: number }
  | {
      readonly what: 'policy' | 'spending'
      readonly fleet: string
      /** `fleet`, `device:ID`, `group:ID`, `site:ID`, or what gateway/policies/ says. */
      readonly scope: string
      readonly value: string
    }

type ByScope = Map<string, Map<string, string>>

export type Orders = {
  /** The highest nonce of a Command by fleet. */
  readonly nonces: Map<string, number>
  /** JSON by fleet and scope. */
  readonly policies: ByScope
  readonly spending: ByScope
}

export function noOrders(): Orders {
  return { nonces: new Map(), policies: new Map(), spending: new Map() }
}

export function applyOrder(orders: Orders, order: Order): void {
  if (order.what === 'used') {
    orders.nonces.set(order.fleet, Math.max(order.nonce, orders.nonces.get(order.fleet) ?? 0))
    return
  }
  put(order.what === 'policy' ? orders.policies : orders.spending, order)
}

function put(all: ByScope, { fleet, scope, value }: Exclude<Order, { what: 'used' }>): void {
  const ofFleet = all.get(fleet) ?? new Map<string, string>()
  if (value === '') ofFleet.delete(scope)
  else ofFleet.set(scope, value)
  if (ofFleet.size > 0) all.set(fleet, ofFleet)
  else all.delete(fleet)
}

export function orderToWire(order: Order): WireValue[] {
  if (order.what === 'used') return [order.what, order.fleet, order.nonce]
  return [order.what, order.fleet, order.scope, order.value]
}

export function readOrder(row: Row): Order {
  const what = row.text()
  const fleet = row.text()
  if (what === 'used') return { what, fleet, nonce: row.integer() }
  const scope = row.text()
  return { what: what === 'policy' ? 'policy' : 'spending', fleet, scope, value: row.text() }
}

/** Three fields at the end of a snapshot's row. */
export function ordersToWire({ nonces, policies, spending }: Orders): WireValue[] {
  const rows = (all: ByScope) =>
    [...all].flatMap(([fleet, scopes]) =>
      [...scopes].map(([scope, value]) => [fleet, scope, value] as WireValue),
    )
  return [[...nonces].map(([fleet, nonce]) => [fleet, nonce]), rows(policies), rows(spending)]
}

/** Reads what `ordersToWire` wrote; older snapshots have none. */
export function readOrders(row: Row): Orders {
  const orders = noOrders()
  if (row.isOver()) return orders
  row.rows((one) => orders.nonces.set(one.text(), one.integer()))
  for (const what of ['policy', 'spending'] as const) {
    row.rows((one) =>
      applyOrder(orders, { what, fleet: one.text(), scope: one.text(), value: one.text() }),
    )
  }
  return orders
}
