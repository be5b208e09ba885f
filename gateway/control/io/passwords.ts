/**
 * Passwords hashed with scrypt (RFC 7914).
 * @module
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { PasswordHasher } from '../credentialDesk.ts'

const COST = 1 << 15
const BLOCK_SIZE = 8
const SALT_BYTES = 16
const HASH_BYTES = 32
const MEMORY_BYTES_MAX = 64 * 1024 * 1024

function derive(password: string, salt: Buffer): Promise<Buffer> {
  const options = { N: COST, r: BLOCK_SIZE, p: 1, maxmem: MEMORY_BYTES_MAX }
  return new Promise((resolve, reject) =>
    scrypt(password, salt, HASH_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  )
}

export const scryptHasher: PasswordHasher = {
  hash: async (password) => {
    const salt = randomBytes(SALT_BYTES)
    const hash = await derive(password, salt)
    return `scrypt$${salt.toString('hex')}$${hash.toString('hex')}`
  },
  matches: async (password, hashed) => {
    const [kind, salt = '', hash = ''] = hashed.split('$')
    if (kind !== 'scrypt') return false
    const expected = Buffer.from(hash, 'hex')
    const actual = await derive(password, Buffer.from(salt, 'hex'))
    return expected.length === actual.length && timingSafeEqual(expected, actual)
  },
}
