/**
 * Vectors of the login.
 * @module
 */
import { checkConnect } from '../../../protocol/connect.ts'
import { encodePublicKey, publicKeyOf, verifyDigest } from '../../../protocol/keys.ts'
import type { ConnectCase } from '../connectCases.ts'
import { connect, connectCases } from '../connectCases.ts'
import { device, deviceKey, domain, fleet, signerKey } from '../fixtures.ts'
import { formatFile, toJson } from './json.ts'

/** `accepted`, `stale_clock` or the reason of the refusal. */
export function connectVerdict(one: ConnectCase): string {
  const verdict = checkConnect(one.context, one.password, verifyDigest)
  return verdict.kind === 'refused' ? verdict.reason : verdict.kind
}

function caseToJson(one: ConnectCase) {
  const { gateway, clientId, username, nowSeconds } = one.context
  return {
    ...{ why: one.why, gateway, clientId, username, nowSeconds },
    usedNonces: toJson(one.usedNonces),
    password: toJson(one.password),
    verdict: connectVerdict(one),
  }
}

export function connectVectors(): string {
  return formatFile({
    about: [
      'Section 13. The gateway knows one device and the fleet itself by the keys given.',
      'usedNonces: seen within twice the tolerance.',
    ],
    domain: toJson(domain),
    connect: toJson(connect),
    knownKeys: {
      [`${fleet}/${device}`]: toJson(encodePublicKey(publicKeyOf(deviceKey))),
      [`${fleet}/_`]: toJson(encodePublicKey(publicKeyOf(signerKey))),
    },
    cases: connectCases.map(caseToJson),
  })
}
