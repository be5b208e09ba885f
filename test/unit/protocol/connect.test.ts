import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConnectContext } from '../../../protocol/connect.ts'
import {
  checkConnect,
  clientIdOf,
  decodeConnect,
  encodeConnect,
  parseClientId,
} from '../../../protocol/connect.ts'
import { verifyDigest } from '../../../protocol/keys.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../../protocol/limits.ts'
import { connectReasons } from '../../../protocol/reasons.ts'
import { connect, connectContext, passwordOf } from '../../support/connectCases.ts'
import { nowSeconds } from '../../support/fixtures.ts'

type Input = {
  readonly context: ConnectContext
  readonly password: Uint8Array
  readonly signatureGood: boolean
}
const good: Input = { context: connectContext(), password: passwordOf(), signatureGood: true }
const known = (input: Input, context: Partial<ConnectContext>): Input => ({
  ...input,
  context: { ...input.context, ...context },
})
const verdict = (input: Input) => {
  const judged = checkConnect(input.context, input.password, () => input.signatureGood)
  return judged.kind === 'refused' ? judged.reason : judged.kind
}

/** One fault for each check, in order. A bad time is no refusal and stands before the nonce. */
const faults: readonly (readonly [string, (input: Input) => Input])[] = [
  ['malformed', (one) => ({ ...one, password: one.password.slice(1) })],
  ['bad_client_id', (one) => known(one, { username: 'harbour/other' })],
  ['wrong_gateway', (one) => known(one, { gateway: 'gateway-2' })],
  ['unknown_device', (one) => known(one, { keyOf: () => undefined })],
  ['bad_signature', (one) => ({ ...one, signatureGood: false })],
  ['stale_clock', (one) => known(one, { nowSeconds: nowSeconds + CLOCK_TOLERANCE_SECONDS + 1 })],
  ['nonce_reused', (one) => known(one, { isNonceUsed: () => true })],
]

describe('the login', () => {
  test('an input with any set of faults gets the answer of the earliest', () => {
    const listed = faults.map(([reason]) => reason).filter((reason) => reason !== 'stale_clock')
    expect(listed).toEqual(connectReasons.filter((reason) => reason !== 'bad_credential'))
    expect(verdict(good)).toBe('accepted')
    for (let set = 1; set < 1 << faults.length; set++) {
      const chosen = faults.filter((_, place) => set & (1 << place))
      expect(verdict(chosen.reduce((one, [, apply]) => apply(one), good))).toBe(chosen[0]?.[0])
    }
  })

  test('(!) a good signature with a bad time gives a stale-clock session', () => {
    for (const offSeconds of [-121, 121, -1_000_000_000, 86_400]) {
      const password = passwordOf({ issuedAt: nowSeconds + offSeconds })
      const judged = checkConnect(connectContext(), password, verifyDigest)
      expect(judged.kind).toBe('stale_clock')
      expect(judged.kind !== 'refused' && judged.connect.nonce).toEqual(connect.nonce)
    }
    for (const offSeconds of [-120, 0, 120]) {
      const password = passwordOf({ issuedAt: nowSeconds + offSeconds })
      expect(checkConnect(connectContext(), password, verifyDigest).kind).toBe('accepted')
    }
  })

  test('one altered byte of the password is refused', () => {
    fc.assert(
      fc.property(
        fc.nat(good.password.length - 1),
        fc.integer({ min: 1, max: 255 }),
        (at, bits) => {
          const password = good.password.slice()
          password[at] = (password[at] ?? 0) ^ bits
          expect(checkConnect(connectContext(), password, verifyDigest).kind).toBe('refused')
        },
      ),
      { numRuns: 200 },
    )
  })

  test('arbitrary passwords are refused and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (password) => {
        expect(decodeConnect(password)).toBeUndefined()
        expect(checkConnect(connectContext(), password, verifyDigest).kind).toBe('refused')
      }),
    )
  })

  test('what is encoded is decoded', () => {
    const decoded = decodeConnect(good.password)
    expect(decoded?.value).toEqual(connect)
    expect(decoded && encodeConnect(decoded)).toEqual(good.password)
  })

  test('a client id is fleet and device', () => {
    expect(parseClientId(clientIdOf('harbour', 'charger-7'))).toEqual({
      fleet: 'harbour',
      device: 'charger-7',
    })
    expect(parseClientId('harbour/_')).toEqual({ fleet: 'harbour', device: '_' })
    const bad = ['', 'harbour', 'harbour/', '/charger', 'a/b/c', 'a/b/', '_/a', 'A/b', 'a/+', 'a/#']
    for (const text of bad) expect(parseClientId(text), text).toBeUndefined()
  })
})
