/**
 * What the ledger has paid for channels, by evidence and by statements: nothing twice, and nothing
 * above what a device has shown.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import type { State, Watched } from './invariantState.ts'

/**
 * What the ledger paid never falls and is never above what a device has shown; says what is wrong
 * with all of it together. `which` leaves count: those of every statement that was handed in, or
 * those in force, when nothing is under way.
 */
export function ledgerProblem(state: State, which: 'handed in' | 'in force'): string | undefined {
  const { ledger, gateways } = state.watched
  const books = ledger.running()
  for (const gateway of gateways) {
    for (const { id } of gateway.running()?.core.state.allocations ?? []) {
      state.allocations.set(bytesToHex(id), id)
    }
  }
  let most = 0n
  let isStated = false
  for (const [name, id] of state.allocations) {
    isStated ||= ledger.statements.isStated(name)
    most += settledIn(state.watched, name, id, which)
  }
  const received = books
    .balance()
    .filter(({ account }) => /^(payee|fee):/.test(account))
    .reduce((all, { amount }) => all + amount, 0n)
  if (received === most || (isStated && received < most)) return undefined
  return `payees and gateways received ${received}, ${most} was settled for channels`
}

/** The higher of evidence and leaf for each position, and both no more than was shown. */
function settledIn(
  watched: Watched,
  name: string,
  id: Uint8Array,
  which: 'handed in' | 'in force',
): bigint {
  const { statements } = watched.ledger
  const places = new Map(statements.leavesOf(name, which))
  for (const { channelId, position, paid } of watched.ledger.running().channelsPaid(id)) {
    const leaf = places.get(position) ?? 0n
    checkPaid(watched, bytesToHex(channelId), paid, leaf)
    places.set(position, paid > leaf ? paid : leaf)
  }
  let sum = 0n
  for (const amount of places.values()) sum += amount
  return sum
}

function checkPaid({ ledger, record }: Watched, name: string, paid: bigint, leaf: bigint): void {
  const shown = record.shown.get(name)?.amount ?? 0n
  if (paid > shown) {
    const detail = `the ledger paid ${paid} for ${name}, ${shown} was shown`
    record.violate('settled once and never above its proof', detail)
  }
  const before = ledger.answered.get(name) ?? 0n
  if (paid < before && leaf < before) {
    record.violate('amounts never fall', `the ledger: ${paid} for ${name} after ${before}`)
  }
}
