/**
 * The channels of a fleet, also those that were closed, with the device that each belongs to. Read
 * once from the cold store and kept, because sums over them are made every second.
 * @module
 */
import { equalBytes } from '../../protocol/bytes.ts'
import type { GatewayState } from '../state/state.ts'

export type Member = { readonly channel: number; readonly device: string; readonly unit: string }

type Index = { readonly members: Member[]; next: number }

/** The members of a fleet, those that were added meanwhile among them. */
export type Members = (fleet: string) => readonly Member[]

export function createMembers(state: GatewayState): Members {
  const indexes = new Map<string, Index>()
  return (fleet) => {
    const index = indexes.get(fleet) ?? { members: [], next: 0 }
    indexes.set(fleet, index)
    readOn(state, fleet, index)
    return index.members
  }
}

/** Only channels of allocations that may be the fleet's are looked up: 40 us each. */
function readOn({ allocations, cold, fleets, hot }: GatewayState, fleet: string, index: Index) {
  if (index.next === hot.count()) return
  const others = [...fleets].filter(([name]) => name !== fleet).map(([, one]) => one.allocation)
  const foreign = allocations.map(({ id }) => others.some((other) => equalBytes(other, id)))
  for (; index.next < hot.count(); index.next++) {
    if (foreign[hot.columns.allocation[index.next] ?? 0]) continue
    const record = cold.channel(index.next)
    if (record.fleet !== fleet) continue
    index.members.push({ channel: index.next, device: record.device, unit: record.unit })
  }
}
