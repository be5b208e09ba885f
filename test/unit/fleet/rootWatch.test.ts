/** The chain of receipt roots that a fleet watches. */
import { describe, expect, test } from 'vitest'
import { watchRoots } from '../../../fleet/rootWatch.ts'
import { bytesToHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { ReceiptRoot } from '../../../protocol/structures.ts'
import { digestOf, receiptRootStructure, signedToWire } from '../../../protocol/structures.ts'
import {
  counting,
  domain,
  gateway,
  gatewayKey,
  nowSeconds,
  signed,
} from '../../support/fixtures.ts'

function rootAfter(previous: Uint8Array, change: Partial<ReceiptRoot> = {}) {
  const value: ReceiptRoot = {
    gateway,
    life: counting(1, 16),
    previous,
    position: 7,
    root: counting(2),
    channels: 3,
    issuedAt: nowSeconds,
    ...change,
  }
  const digest = digestOf(domain, receiptRootStructure, value)
  const wire = signedToWire(receiptRootStructure, signed(gatewayKey, value, digest))
  const payload = utf8ToBytes(JSON.stringify({ signed: bytesToHex(encodeCbor(wire)) }))
  return { digest, payload }
}

function watching() {
  const told: string[] = []
  const trust = { domain, gateway: { id: gateway, key: publicKeyOf(gatewayKey) } }
  const watch = watchRoots(trust, (level, message, fields) => {
    told.push(`${level} ${message} ${JSON.stringify(fields)}`)
  })
  return { watch, told }
}

describe('the roots of a gateway', () => {
  test('follow each other; one that was missed is a gap and no alarm', () => {
    const { watch, told } = watching()
    const first = rootAfter(new Uint8Array(32))
    const second = rootAfter(first.digest)
    const third = rootAfter(second.digest)
    const fourth = rootAfter(third.digest)
    const verdicts = [first, first, second, fourth].map(({ payload }) => watch.take(payload))
    expect(verdicts).toEqual(['follows', 'known', 'follows', 'gap'])
    expect(told).toEqual([])
  })

  test('(!) T10 two that follow the same one are an alarm with both as evidence', () => {
    const { watch, told } = watching()
    const first = rootAfter(new Uint8Array(32))
    watch.take(first.payload)
    watch.take(rootAfter(first.digest).payload)
    expect(watch.take(rootAfter(first.digest, { root: counting(9) }).payload)).toBe('forks')
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(bytesToHex(counting(2)))
    expect(told[0]).toContain(bytesToHex(counting(9)))
    expect(told[0]).toContain('it lies')
    const restored = rootAfter(first.digest, { life: counting(4, 16) })
    expect(watch.take(restored.payload)).toBe('forks')
    expect(told[1]).toContain('restored')
  })

  test('that the gateway did not sign are no roots', () => {
    const { watch } = watching()
    const other = rootAfter(new Uint8Array(32), { gateway: 'other' })
    expect(watch.take(other.payload)).toBe('bad')
    expect(watch.take(utf8ToBytes('{"signed":"00"}'))).toBe('bad')
    expect(watch.take(new Uint8Array())).toBe('bad')
  })
})
