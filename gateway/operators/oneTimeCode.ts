/**
 * One-time codes that follow the clock (RFC 6238): six digits, SHA-1, a new one every thirty
 * seconds, which is what every authenticator understands.
 * @module
 */
import { Secret, TOTP } from 'otpauth'
import type { Random } from '../../ports/index.ts'

/** 160 bits: as long as the hash (RFC 4226 section 4). */
const SECRET_BYTES = 20
const PERIOD_SECONDS = 30
/** Before and after the present one: clocks differ, and people type slowly. */
const WINDOW_STEPS = 1
const codePattern = /^[0-9]{6}$/

/** A new secret in base32, which is also what people type into an authenticator. */
export function newCodeSecret(random: Random): string {
  return new Secret({ buffer: random.bytes(SECRET_BYTES).slice().buffer }).base32
}

/** `otpauth://` URI of a secret, for the QR code of an authenticator. */
export function codeUri(secret: string, issuer: string, username: string): string {
  return generator(secret, issuer, username).toString()
}

/** What an authenticator shows for `secret` at `nowMs`. */
export function codeAt(secret: string, nowMs: number): string {
  return generator(secret).generate({ timestamp: nowMs })
}

/**
 * The step of time that `code` is for, where it is near `nowMs` and later than `usedStep`;
 * undefined for a code that is wrong, or not good any more.
 */
export function codeStep(
  secret: string,
  code: unknown,
  nowMs: number,
  usedStep: number,
): number | undefined {
  if (typeof code !== 'string' || !codePattern.test(code)) return undefined
  const codes = generator(secret)
  const delta = codes.validate({ token: code, timestamp: nowMs, window: WINDOW_STEPS })
  if (delta === null) return undefined
  const step = codes.counter({ timestamp: nowMs }) + delta
  return step > usedStep ? step : undefined
}

function generator(secret: string, issuer = '', label = ''): TOTP {
  return new TOTP({ secret, issuer, label, algorithm: 'SHA1', digits: 6, period: PERIOD_SECONDS })
}
