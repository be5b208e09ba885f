/** Which certificate goes with which user name. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { refuseCertificate } from '../../../../gateway/broker/tls/certificateRule.ts'

describe('the certificate rule', () => {
  test.each([
    ['acme/ev-1', 'acme/ev-1', undefined],
    ['acme/_', 'acme/_', undefined],
    ['ann@acme', 'acme/_', undefined],
    ['acme/ev-1', 'acme/ev-2', 'wrong_certificate'],
    ['acme/ev-1', 'acme/_', 'wrong_certificate'],
    ['acme/_', 'acme/ev-1', 'wrong_certificate'],
    ['ann@acme', 'acme/ev-1', 'wrong_certificate'],
    ['ann@acme', 'wind/_', 'wrong_certificate'],
    ['ann@x@acme', 'acme/_', 'wrong_certificate'],
    ['', 'acme/ev-1', 'wrong_certificate'],
    ['acme/ev-1', undefined, 'no_certificate'],
    ['acme/_', undefined, 'no_certificate'],
    ['', undefined, 'no_certificate'],
    ['ann@acme', undefined, undefined],
  ])('%j with the certificate of %j: %s', (username, name, expected) => {
    expect(refuseCertificate(username, { name })).toBe(expected)
  })

  test('a listener without certificates asks for none', () => {
    expect(refuseCertificate('acme/ev-1', undefined)).toBeUndefined()
  })

  test('a device gets in under the name on its certificate and under no other', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (username, name) => {
        fc.pre(!username.includes('@'))
        expect(refuseCertificate(username, { name }) === undefined).toBe(username === name)
      }),
    )
  })
})
