/**
 * Logins: tokens whose fields are wrong and whose signatures are right, judged against the rules
 * written a second time, and damaged tokens.
 * @module
 */

import { createFastVerify } from '../../../ledger/io/fastVerify.ts'
import { equalBytes } from '../../../protocol/bytes.ts'
import { checkConnect, decodeConnect, encodeConnect } from '../../../protocol/connect.ts'
import type { PrivateKey } from '../../../protocol/keys.ts'
import { signDigest } from '../../../protocol/keys.ts'
import type { Connect, Signed } from '../../../protocol/structures.ts'
import { connectStructure, digestOf } from '../../../protocol/structures.ts'
import { connectContext } from '../../support/connectCases.ts'
import {
  counting,
  device,
  deviceKey,
  domain,
  fleet,
  gateway,
  nowSeconds,
  otherDomain,
  signerKey,
} from '../../support/fixtures.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

const verify = createFastVerify(8)
const usedNonce = counting(77)

function someConnect(dice: Dice): Connect {
  const honest: Connect = { gateway, fleet, device, issuedAt: nowSeconds, nonce: counting(9) }
  const offSeconds = [0, 1, 119, 120, 121, -119, -120, -121, 86_400, -nowSeconds, 1e12]
  return {
    gateway: dice.oneIn(8) ? dice.pick(['gateway-2', '', 'GATEWAY-1', `${gateway}\0`]) : gateway,
    fleet: dice.oneIn(8) ? dice.pick(['rival', '', 'harbour/charger-7', '+', '#']) : fleet,
    device: dice.oneIn(6) ? dice.pick(['_', 'charger-8', '', '+', `${device}/up`]) : device,
    issuedAt: nowSeconds + (dice.oneIn(3) ? dice.pick(offSeconds) : 0),
    nonce: dice.oneIn(6) ? usedNonce : honest.nonce,
  }
}

/** Which key proves which name. */
function keyOf(value: Connect): PrivateKey | undefined {
  if (value.fleet !== fleet) return undefined
  if (value.device === '_') return signerKey
  return value.device === device ? deviceKey : undefined
}

type Login = {
  readonly value: Connect
  readonly clientId: string
  readonly username: string
  readonly isSignedWell: boolean
}

/** The verdict by docs/protocol.md, section 10, in its order. */
function expected({ value, clientId, username, isSignedWell }: Login): string {
  const name = `${value.fleet}/${value.device}`
  if (clientId !== name || username !== name) return 'bad_client_id'
  if (value.gateway !== gateway) return 'wrong_gateway'
  if (keyOf(value) === undefined) return 'unknown_device'
  if (!isSignedWell) return 'bad_signature'
  if (Math.abs(value.issuedAt - nowSeconds) > 120) return 'stale_clock'
  return equalBytes(value.nonce, usedNonce) ? 'nonce_reused' : 'accepted'
}

function check(input: Uint8Array): string | undefined {
  const dice = diceOf(input)
  const value = someConnect(dice)
  const own = keyOf(value) ?? deviceKey
  const key = dice.oneIn(6) ? dice.pick([deviceKey, signerKey]) : own
  const within = dice.oneIn(8) ? otherDomain : domain
  const signature = signDigest(key, digestOf(within, connectStructure, value))
  const signed: Signed<Connect> = { value, signature }
  const name = `${value.fleet}/${value.device}`
  const clientId = dice.oneIn(8) ? dice.pick([`${fleet}/charger-8`, '', `${name}/`]) : name
  const username = dice.oneIn(8) ? dice.pick([`${fleet}/_`, '', name.toUpperCase()]) : name
  const context = connectContext({
    clientId,
    username,
    isNonceUsed: (nonce) => equalBytes(nonce, usedNonce),
  })
  const password = encodeConnect(signed)
  const found = verdictOf(context, password)
  const isSignedWell = key === own && within === domain
  const wanted = expected({ value, clientId, username, isSignedWell })
  if (found !== wanted) return `${found} instead of ${wanted}: ${JSON.stringify(value)}`
  return dice.oneIn(2) ? checkDamaged(dice, context, password) : undefined
}

function verdictOf(context: Parameters<typeof checkConnect>[0], password: Uint8Array): string {
  const verdict = checkConnect(context, password, verify)
  return verdict.kind === 'refused' ? verdict.reason : verdict.kind
}

/** What is changed after signing is no login, and what can be read is read exactly. */
function checkDamaged(
  dice: Dice,
  context: Parameters<typeof checkConnect>[0],
  password: Uint8Array,
): string | undefined {
  const changed = damaged(dice, password)
  const read = decodeConnect(changed)
  if (read && !equalBytes(encodeConnect(read), changed)) return 'a token comes back otherwise'
  if (equalBytes(changed, password)) return undefined
  const verdict = verdictOf(context, changed)
  const isIn = verdict === 'accepted' || verdict === 'stale_clock' || verdict === 'nonce_reused'
  return isIn ? `a damaged token is ${verdict}` : undefined
}

const generate = (dice: Dice) => dice.bytes(12 + dice.size(40))

export const connectTarget: Target = { name: 'connect', quickRuns: 150, generate, check }
