/**
 * What a gateway takes for paid, held against an embedded ledger.
 * @module
 */
import { channelsPaid, paidByStatements } from '../../ledger/embedded/reports.ts'
import type { KeyValue } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { GatewayState } from '../state/state.ts'

/**
 * The gateway never believes that more was paid than the ledger has paid: for a channel by its
 * evidence, and beyond that for all channels of an allocation together by statements.
 */
export function verifyPaid(
  state: Pick<GatewayState, 'allocations' | 'hot' | 'cold'>,
  ledger: KeyValue,
  find: (part: 'ledger', problem: string) => void,
): void {
  const paid = new Map<string, bigint>()
  for (const { id } of state.allocations) {
    for (const one of channelsPaid(ledger, id)) paid.set(bytesToHex(one.channelId), one.paid)
  }
  const beyond = state.allocations.map((): Beyond => ({ amount: 0n, lines: [] }))
  for (let channel = 0; channel < state.hot.count(); channel++) {
    const believed = state.hot.columns.paid[channel] ?? 0n
    if (believed === 0n) continue
    const { channelId } = state.cold.channel(channel)
    const actual = paid.get(bytesToHex(channelId)) ?? 0n
    if (believed <= actual) continue
    const of = present(beyond[state.hot.columns.allocation[channel] ?? 0], 'an allocation')
    of.amount += believed - actual
    of.lines.push(`paid ${actual} for channel ${channel}, which the gateway takes for ${believed}`)
  }
  for (const [place, { id }] of state.allocations.entries()) {
    const { amount, lines } = present(beyond[place], 'an allocation')
    if (amount <= paidByStatements(ledger, id)) continue
    for (const line of lines) find('ledger', line)
  }
}

/** What the channels of an allocation are taken for beyond their evidence, and the words for it. */
type Beyond = { amount: bigint; readonly lines: string[] }
