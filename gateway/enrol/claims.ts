/**
 * Claims: for which serial number somebody may ask to be enrolled, with which hashed secret, and
 * what became of it. They are kept beside the static credentials, durable before they are answered.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import type { Credential } from '../broker/credentials.ts'
import type { Core } from '../core.ts'
import type { MeterSpec } from '../enrolment.ts'

/** `pending` and later are for one key; `approved` and `refused` for good. */
export type ClaimState = 'open' | 'pending' | 'approved' | 'refused'

export type Claim = {
  /** Its name is the serial number. */
  readonly credential: Credential
  readonly device: string
  readonly meters: readonly MeterSpec[]
  readonly expiresSeconds: number
  readonly state: ClaimState
  /** The key that asked first, as text; present unless `open`. */
  readonly key?: string
  readonly askedSeconds?: number
}

/** Claims that a gateway keeps, finished ones included. */
export const CLAIMS_MAX = 10_000

/** No static credential has such a name. */
const MARK = '~'

export function isClaimName(name: string): boolean {
  return name.startsWith(MARK)
}

/** The claim for a serial number of a fleet. */
export function findClaim({ state }: Core, fleet: string, serial: string): Claim | undefined {
  const record = state.credentials.get(`${fleet}/${MARK}${serial}`)
  return record === undefined ? undefined : (JSON.parse(record) as Claim)
}

export function allClaims({ state }: Core): readonly Claim[] {
  return [...state.credentials]
    .filter(([name]) => isClaimName(name.slice(name.indexOf('/') + 1)))
    .map(([, record]) => JSON.parse(record) as Claim)
}

/** Journals the claim; whoever answers waits until that is durable. */
export function putClaim(core: Core, claim: Claim): void {
  assert(claim.state === 'open' || claim.key !== undefined, 'a claim that was used has a key')
  const { fleet, name } = claim.credential
  const record = JSON.stringify(claim)
  core.writer.record({ kind: 'credential', fleet, name: `${MARK}${name}`, record })
}

export function dropClaim(core: Core, { credential: { fleet, name } }: Claim): void {
  core.writer.record({ kind: 'credential', fleet, name: `${MARK}${name}`, record: '' })
}

/** A claim nobody can use any more. */
export function isOver({ state, expiresSeconds }: Claim, nowSeconds: number): boolean {
  if (state === 'approved' || state === 'refused') return true
  return state === 'open' && nowSeconds >= expiresSeconds
}
