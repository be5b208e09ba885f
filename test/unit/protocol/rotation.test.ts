/** A device's step to a new key: each check, in its order, and nothing counts twice. */
import { describe, expect, test } from 'vitest'
import { algorithmByte, publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import type { RotationContext } from '../../../protocol/rotation.ts'
import {
  checkRotation,
  decodeRotation,
  encodeRotation,
  ROTATION_SECONDS_MAX,
} from '../../../protocol/rotation.ts'
import type { Rotate } from '../../../protocol/structures.ts'
import { digestOf, rotateStructure } from '../../../protocol/structures.ts'
import { device, deviceKey, domain, fleet, gateway, nowSeconds } from '../../support/fixtures.ts'
import { testKey } from '../../support/virtualGateway.ts'

const nextKey = testKey('ed25519', 33)
const next = publicKeyOf(nextKey)
const context: RotationContext = {
  domain,
  gateway,
  fleet,
  device,
  key: publicKeyOf(deviceKey),
  wasUsed: (key) => key.algorithm === 'secp256k1',
  nowSeconds,
}

function rotation(change: Partial<Rotate> = {}, by = deviceKey, possession = nextKey) {
  const value = {
    gateway,
    fleet,
    role: 'device',
    subject: device,
    algorithm: algorithmByte(next.algorithm),
    key: next.bytes,
    nonce: nowSeconds,
    issuedAt: nowSeconds,
    expiry: nowSeconds + ROTATION_SECONDS_MAX,
    ...change,
  }
  const digest = digestOf(domain, rotateStructure, value)
  const signature = signDigest(by, digest)
  return encodeRotation({ value, signature, possession: signDigest(possession, digest) })
}

const verdict = (payload: Uint8Array) => checkRotation(context, payload, verifyDigest)

describe('a rotation', () => {
  test('gives the new key, and is read as it was written', () => {
    expect(verdict(rotation())).toEqual(next)
    const payload = rotation()
    const read = decodeRotation(payload)
    expect(read && encodeRotation(read)).toEqual(payload)
  })

  test.each<[string, Uint8Array, string]>([
    ['cut off', rotation().subarray(0, -1), 'malformed'],
    ['of a key that is no point', rotation({ algorithm: 1 }), 'malformed'],
    ['of another device', rotation({ subject: 'charger-70' }), 'not_this_device'],
    ['of another fleet', rotation({ fleet: 'other' }), 'not_this_device'],
    ['for another gateway', rotation({ gateway: 'other' }), 'not_this_device'],
    ['of a signer', rotation({ role: 'signer' }), 'not_this_device'],
    ['signed by the new key', rotation({}, nextKey), 'bad_signature'],
    ['over', rotation({ issuedAt: nowSeconds - 700, expiry: nowSeconds - 1 }), 'bad_time'],
    ['from the future', rotation({ issuedAt: nowSeconds + 121 }), 'bad_time'],
    ['valid for long', rotation({ expiry: nowSeconds + ROTATION_SECONDS_MAX + 1 }), 'bad_time'],
    ['to a key that nobody showed', rotation({}, deviceKey, deviceKey), 'bad_possession'],
  ])('%s is refused', (_name, payload, reason) => {
    expect(verdict(payload)).toBe(reason)
  })

  test('(!) to a key that any device ever had is refused, so that none counts twice', () => {
    const other = testKey('secp256k1', 34)
    const { algorithm, bytes } = publicKeyOf(other)
    const change = { algorithm: algorithmByte(algorithm), key: bytes }
    expect(verdict(rotation(change, deviceKey, other))).toBe('key_used')
  })
})
