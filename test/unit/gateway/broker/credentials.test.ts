import { describe, expect, test } from 'vitest'
import type { Credential, Derive } from '../../../../gateway/broker/credentials.ts'
import {
  createCredential,
  credentialUsername,
  parseCredentialUsername,
  verifyCredential,
} from '../../../../gateway/broker/credentials.ts'
import { createDerive } from '../../../../gateway/broker/io/scrypt.ts'
import { nodeRandom } from '../../../../ports/io/node.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'

const derive = createDerive()
const wanted = { fleet: 'solar', name: 'ann', rights: ['read'] as const }

async function ann() {
  const made = await createCredential({ random: nodeRandom, derive }, wanted, 1_000)
  const check = (
    change: Partial<Credential>,
    login: { username?: string; password?: string } = {},
    using: Derive = derive,
  ) =>
    verifyCredential(
      using,
      (fleet, name) =>
        fleet === 'solar' && name === 'ann' ? { ...made.credential, ...change } : undefined,
      {
        username: login.username ?? 'ann@solar',
        password: utf8ToBytes(login.password ?? made.password),
      },
      2_000,
    )
  return { ...made, check }
}

describe('a static credential', () => {
  test('lets in with its password, its rights and its fleet, and notes the use', async () => {
    const { credential, check } = await ann()
    expect(await check({})).toEqual({
      kind: 'accepted',
      identity: { kind: 'reader', fleet: 'solar', name: 'ann', rights: ['read'] },
      credential: { ...credential, lastUsedSeconds: 2_000 },
    })
  })

  test('refuses a wrong password, an unknown name, another fleet and a revoked one', async () => {
    const { password, check } = await ann()
    const refused = { kind: 'refused', reason: 'bad_credential' }
    expect(await check({}, { password: `${password}x` })).toEqual(refused)
    expect(await check({}, { password: '' })).toEqual(refused)
    expect(await check({}, { password: 'x'.repeat(10_000) })).toEqual(refused)
    expect(await check({}, { username: 'bob@solar' })).toEqual(refused)
    expect(await check({}, { username: 'ann@wind' })).toEqual(refused)
    expect(await check({ revokedSeconds: 1_500 })).toEqual(refused)
    expect(await check({ hash: '' })).toEqual(refused)
  })

  // T16
  test('costs the same work for a name that does not exist', async () => {
    const { check } = await ann()
    const costs: unknown[] = []
    const counting: Derive = (password, salt, cost) => {
      costs.push(cost)
      return derive(password, salt, cost)
    }
    await check({}, { password: 'wrong' }, counting)
    await check({}, { username: 'nobody@solar' }, counting)
    await check({ revokedSeconds: 1 }, {}, counting)
    expect(costs).toHaveLength(3)
    expect(new Set(costs.map((cost) => JSON.stringify(cost))).size).toBe(1)
  })

  // T23
  test('does not keep its password, and no two are alike', async () => {
    const [first, second] = [await ann(), await ann()]
    expect(JSON.stringify(first.credential)).not.toContain(first.password)
    expect(first.password).toMatch(/^[A-Za-z0-9_-]{24}$/)
    expect(first.password).not.toBe(second.password)
    expect(first.credential.hash).not.toBe(second.credential.hash)
  })

  test('survives being stored as JSON', async () => {
    const { credential, check } = await ann()
    expect((await check(JSON.parse(JSON.stringify(credential)))).kind).toBe('accepted')
  })

  test('is not available when too many are being checked', async () => {
    const { check } = await ann()
    expect(await check({}, {}, async () => undefined)).toEqual({
      kind: 'refused',
      reason: 'unavailable',
    })
  })
})

test('user names read back, and no device name is one', () => {
  expect(parseCredentialUsername(credentialUsername('solar', 'ann'))).toEqual({
    fleet: 'solar',
    name: 'ann',
  })
  for (const text of ['solar/ann', 'ann', 'ann@', '@solar', 'a@b@c', 'Ann@solar', '']) {
    expect(parseCredentialUsername(text)).toBeUndefined()
  }
})

test('derivations wait for each other, and beyond a bound they are refused', async () => {
  const bounded = createDerive()
  const cost = { N: 1_024, r: 8, p: 1 }
  const results = await Promise.all(
    Array.from({ length: 40 }, () => bounded(utf8ToBytes('x'), utf8ToBytes('salt'), cost)),
  )
  expect(results.filter((one) => one === undefined)).toHaveLength(40 - 2 - 32)
  expect(await bounded(utf8ToBytes('x'), utf8ToBytes('salt'), cost)).toEqual(results[0])
})
