/**
 * scrypt on Node's thread pool, a few at a time: logins must not take the threads and the memory
 * that the store and the signatures need.
 * @module
 */
import { scrypt } from 'node:crypto'
import type { Derive, ScryptCost } from '../credentials.ts'
import { SCRYPT_BYTES } from '../credentials.ts'

/** Each takes a thread of four, a core and 16 MiB: guesses must not have more than one of them. */
const RUNNING_MAX = 1
/** A household of tools that all log in after a restart; more is an attack. */
const WAITING_MAX = 33

/** A `Derive` with its own queue. */
export function createDerive(): Derive {
  const waiting: (() => void)[] = []
  let running = 0

  const turn = async (): Promise<boolean> => {
    if (running < RUNNING_MAX) {
      running += 1
      return true
    }
    if (waiting.length >= WAITING_MAX) return false
    await new Promise<void>((resolve) => waiting.push(resolve))
    return true
  }

  /** Hands the place on, so that nobody slips in between. */
  const leave = () => {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }

  return async (password, salt, cost) => {
    if (!(await turn())) return undefined
    try {
      return await deriveOnce(password, salt, cost)
    } finally {
      leave()
    }
  }
}

function deriveOnce(
  password: Uint8Array,
  salt: Uint8Array,
  { N, r, p }: ScryptCost,
): Promise<Uint8Array> {
  const maxmem = 2 * 128 * N * r
  return new Promise((resolve, reject) => {
    scrypt(password, salt, SCRYPT_BYTES, { N, r, p, maxmem }, (error, key) => {
      if (error) reject(error)
      else resolve(new Uint8Array(key))
    })
  })
}
