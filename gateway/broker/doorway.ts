/**
 * Who may come in at all: lines that have not logged in yet are counted, in all and by the address
 * they come from. When there are too many, the address that has most of them gives one up, and an
 * address whose lines come to nothing again and again is not let in for a while.
 * @module
 */
import type { BrokerLimits } from './limits.ts'
import type { TokenBucket } from './tokenBucket.ts'
import { fullBucket, takeTokens } from './tokenBucket.ts'

export type DoorLimits = Pick<
  BrokerLimits,
  | 'pendingConnectionsMax'
  | 'silentGraceMs'
  | 'failedLoginsPerSecond'
  | 'failedLoginsBurst'
  | 'failedAddressesMax'
>

export type Entry<T> =
  | { readonly kind: 'refused'; readonly why: 'too_many' | 'failed_logins' }
  /** `instead`: the line that has to go for it. */
  | { readonly kind: 'in'; readonly instead: T | undefined }

export type Doorway<T> = {
  readonly enter: (address: string, line: T, nowMs: number) => Entry<T>
  /** Its CONNECT is whole: from now on it waits for the gateway and not the gateway for it. */
  readonly spoke: (line: T) => void
  /** It has logged in, or is gone. */
  readonly leave: (line: T) => void
  /** It came to nothing, by its own fault, and has cost so much. */
  readonly failed: (address: string, nowMs: number, cost: number) => void
  /** Nobody is let in from there now. */
  readonly isBarred: (address: string, nowMs: number) => boolean
  readonly has: (line: T) => boolean
  readonly size: () => number
}

type Pending = { readonly address: string; readonly sinceMs: number; isSilent: boolean }

type State<T> = {
  readonly limits: DoorLimits
  readonly pending: Map<T, Pending>
  /** Lines of each address that have not said their CONNECT, oldest first. */
  readonly silent: Map<string, Set<T>>
  /** What is left of each address's failures; those that are full again are forgotten. */
  readonly failures: Map<string, TokenBucket>
}

/** A line that said nothing or nonsense, or a signature that was checked for nothing. */
export const FAILURE_COST = 1
/** A password: some 50 ms of scrypt, where a signature takes 0.1. */
export const PASSWORD_FAILURE_COST = 20

/** A proxy on this machine may stand for all clients. */
const OWN_ADDRESSES: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])
/** Groups of an IPv6 address that one household is given: 64 bits (RFC 6177). */
const IPV6_GROUPS = 4

/** What counts as one address: of IPv6 the network. `remote` is `address:port`. */
export function addressOf(remote: string): string {
  const address = remote.slice(0, remote.lastIndexOf(':'))
  if (!address.includes(':') || address.includes('.')) return address
  return OWN_ADDRESSES.has(address) ? address : networkOf(address)
}

/** The groups before a "::" are written out; a network that has fewer is short. */
function networkOf(address: string): string {
  const [head = ''] = address.split('::')
  return head.split(':').slice(0, IPV6_GROUPS).join(':')
}

export function createDoorway<T>(limits: DoorLimits): Doorway<T> {
  const state: State<T> = { limits, pending: new Map(), silent: new Map(), failures: new Map() }
  return {
    enter: (address, line, nowMs) => enter(state, address, line, nowMs),
    spoke: (line) => quit(state, line),
    leave: (line) => {
      quit(state, line)
      state.pending.delete(line)
    },
    failed: (address, nowMs, cost) => fail(state, address, nowMs, cost),
    isBarred: (address, nowMs) => isBarred(state, address, nowMs),
    has: (line) => state.pending.has(line),
    size: () => state.pending.size,
  }
}

function enter<T>(state: State<T>, address: string, line: T, nowMs: number): Entry<T> {
  const { limits, pending, silent } = state
  if (isBarred(state, address, nowMs)) return { kind: 'refused', why: 'failed_logins' }
  const isFull = pending.size >= limits.pendingConnectionsMax
  const instead = isFull ? whoGoes(state, address, nowMs) : undefined
  if (isFull && instead === undefined) return { kind: 'refused', why: 'too_many' }
  if (instead !== undefined) {
    quit(state, instead)
    pending.delete(instead)
  }
  pending.set(line, { address, sinceMs: nowMs, isSilent: true })
  const lines = silent.get(address) ?? new Set()
  silent.set(address, lines.add(line))
  return { kind: 'in', instead }
}

/** The oldest silent line of the address that has most, if that is not the newcomer's own. */
function whoGoes<T>(state: State<T>, address: string, nowMs: number): T | undefined {
  const own = state.silent.get(address)?.size ?? 0
  let most: ReadonlySet<T> = new Set()
  for (const lines of state.silent.values()) if (lines.size > most.size) most = lines
  const [oldest] = most
  if (oldest === undefined || most.size > own + 1) return oldest
  const sinceMs = state.pending.get(oldest)?.sinceMs ?? nowMs
  return nowMs - sinceMs >= state.limits.silentGraceMs ? oldest : undefined
}

/** It is no longer one that the gateway waits for. */
function quit<T>({ pending, silent }: State<T>, line: T): void {
  const one = pending.get(line)
  if (!one?.isSilent) return
  one.isSilent = false
  const lines = silent.get(one.address)
  lines?.delete(line)
  if (lines?.size === 0) silent.delete(one.address)
}

function isBarred<T>({ failures }: State<T>, address: string, nowMs: number): boolean {
  const bucket = failures.get(address)
  if (bucket === undefined) return false
  refill(bucket, nowMs)
  if (bucket.tokens >= bucket.burst) failures.delete(address)
  return bucket.tokens < 1
}

function refill(bucket: TokenBucket, nowMs: number): void {
  takeTokens(bucket, 0, nowMs)
}

function fail<T>(
  { failures, limits }: State<T>,
  address: string,
  nowMs: number,
  cost: number,
): void {
  if (OWN_ADDRESSES.has(address)) return
  const { failedLoginsPerSecond, failedLoginsBurst, failedAddressesMax } = limits
  const bucket =
    failures.get(address) ?? fullBucket(failedLoginsPerSecond, failedLoginsBurst, nowMs)
  // The newest are at the end: whoever failed longest ago is forgotten first.
  failures.delete(address)
  failures.set(address, bucket)
  refill(bucket, nowMs)
  bucket.tokens = Math.max(0, bucket.tokens - cost)
  if (failures.size <= failedAddressesMax) return
  for (const oldest of failures.keys()) {
    failures.delete(oldest)
    return
  }
}
