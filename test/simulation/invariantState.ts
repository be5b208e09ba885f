/**
 * What the invariants of a simulated run remember between two looks.
 * @module
 */
import type { Agent } from '../../agent/agent.ts'
import type { Gateway } from '../../gateway/gateway.ts'
import type { DeviceActor } from './deviceActor.ts'
import type { Fleet } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import type { LedgerActor } from './ledgerActor.ts'
import type { Plan } from './plan.ts'
import type { WorldRecord } from './record.ts'

export type Watched = {
  readonly record: WorldRecord
  readonly ledger: LedgerActor
  readonly gateways: readonly GatewayActor[]
  readonly devices: readonly DeviceActor[]
  readonly fleet: Fleet
  readonly plan: Plan
  readonly nowMs: () => number
  /** Timers that have not fired. */
  readonly timersPending: () => number
}

/** What one gateway has said and held so far, by channel id in hex. */
export type Said = {
  /** Highest amount acknowledged. */
  readonly acked: Map<string, bigint>
  readonly acceptedEpoch: Map<string, number>
  readonly held: Map<string, bigint>
  /** Channels that came with its last backup: nobody gave their positions since. */
  readonly brought: Set<string>
}

export type State = {
  readonly watched: Watched
  readonly said: Map<string, Said>
  readonly ledgerPaid: Map<string, bigint>
  /** `device/meter` of every channel that a device was told of, by channel id in hex. */
  readonly owners: Map<string, string>
  /** The channel that a device was told of last, by `device/slot`. */
  readonly slots: Map<string, Uint8Array>
  /** By `device/meter`. */
  readonly accounts: Map<string, Account>
  /** Ids by their hex. */
  readonly allocations: Map<string, Uint8Array>
  /** Highest reading of each channel that was paid or shown. */
  readonly readings: Map<string, bigint>
  /** Since when something has stood against supply, by session and channel. */
  readonly barred: Map<string, Barred>
  /** Highest amount that was shown of each channel. */
  readonly spent: Map<string, bigint>
  /** By `device/meter`: registers that were lost and not read since. */
  readonly rewinds: Map<string, Rewind>
  /** By `device/meter`: what had flowed at the last look, and when that was. */
  readonly flowed: Map<string, { readonly units: bigint; readonly atMs: number }>
}

export type Barred = {
  readonly sinceMs: number
  /** How wrong the gateway's clock was: with another one, the barrier may have gone and come. */
  readonly clockOffsetMs: number
}

/** Units of one meter, through all its channels. */
export type Account = {
  paid: bigint
  shown: bigint
  lost: bigint
  /** Minor units that its device has shown. */
  spent: bigint
}

/**
 * A register that was lost while its gateway may have gone back to a backup. If the agent that knew
 * both is gone, too, its count begins where that gateway says, and readings come a second time.
 */
export type Rewind = {
  /** Units that were lost before, and that had flowed. */
  readonly lost: bigint
  readonly flowed: bigint
  readonly agent: Agent | undefined
  /** The reading from which the next agent counts; undefined before one does. */
  from: bigint | undefined
}

export type Core = Gateway['core']

export function saidBy(state: State, name: string): Said {
  const known = state.said.get(name)
  if (known) return known
  const said: Said = {
    acked: new Map(),
    acceptedEpoch: new Map(),
    held: new Map(),
    brought: new Set(),
  }
  state.said.set(name, said)
  return said
}

export function raise<T extends bigint | number>(map: Map<string, T>, key: string, value: T): void {
  const known = map.get(key)
  if (known === undefined || value > known) map.set(key, value)
}

export function accountOf({ accounts }: State, name: string): Account {
  const known = accounts.get(name) ?? { paid: 0n, shown: 0n, lost: 0n, spent: 0n }
  accounts.set(name, known)
  return known
}
