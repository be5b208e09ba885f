/**
 * The login of a device that belongs to nobody yet: the secret of a claim is good for one serial
 * number, for a time, and opens the two topics of its enrolment.
 * @module
 */
import { claimUsername, parseClaimUsername } from '../../protocol/enrolment.ts'
import type { Derive } from '../broker/credentials.ts'
import { credentialUsername, verifyCredential } from '../broker/credentials.ts'
import type { Core } from '../core.ts'
import type { CheckCredential } from '../login.ts'
import { CLAIMS_MAX, findClaim, isOver } from './claims.ts'
import { createGuesses } from './guesses.ts'

/** True for the user names that this login is about. */
export function isClaimLogin(username: string): boolean {
  return parseClaimUsername(username) !== undefined
}

/** A serial number that is not listed costs as much time as a wrong secret, and gets its answer. */
export function createClaimLogin(core: Core, derive: Derive): CheckCredential {
  const guesses = createGuesses(CLAIMS_MAX)
  return async (username, password) => {
    const { clock } = core.ports
    const who = parseClaimUsername(username)
    if (!who) return { refused: 'bad_credential' }
    const { fleet, serial } = who
    const refuse = (refused: string) => {
      core.ports.log('warn', 'a claim was refused at its login', { fleet, serial, reason: refused })
      return { refused }
    }
    const claim = findClaim(core, fleet, serial)
    const name = claimUsername(fleet, serial)
    if (claim && !guesses.mayTry(name, clock.monotonicMs())) return refuse('unavailable')
    const nowSeconds = Math.floor(clock.nowMs() / 1_000)
    const login = { username: credentialUsername(fleet, serial), password }
    const verdict = await verifyCredential(derive, () => claim?.credential, login, nowSeconds)
    if (verdict.kind === 'refused') {
      if (claim && verdict.reason === 'bad_credential') guesses.failed(name, clock.monotonicMs())
      return refuse(verdict.reason)
    }
    guesses.succeeded(name)
    // What was decided may still be heard after the end.
    if (claim && claim.state === 'open' && isOver(claim, nowSeconds)) return refuse('claim_expired')
    return { kind: 'claimant', fleet, serial }
  }
}
