/**
 * Watches a gateway judge logins: by their time, and each nonce once.
 * @module
 */
import type { Gateway } from '../../gateway/gateway.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { decodeConnect } from '../../protocol/connect.ts'
import type { SkewedClock } from './life.ts'
import type { WorldRecord } from './record.ts'

const toleranceSeconds = 120

/** The same gateway; what it says to each login is looked at. */
export function watchLogins(record: WorldRecord, clock: SkewedClock, gateway: Gateway): Gateway {
  const used = new Map<string, number>()
  let { offsetMs } = clock
  return {
    ...gateway,
    authenticate: (request) => {
      const verdict = gateway.authenticate(request)
      const signed = decodeConnect(request.password ?? new Uint8Array())
      if (!signed) return verdict
      const { issuedAt, nonce } = signed.value
      const nowSeconds = Math.floor(clock.nowMs() / 1_000)
      // What it forgets at a wrong time is forgotten.
      if (clock.offsetMs !== offsetMs) used.clear()
      offsetMs = clock.offsetMs
      const isInTime = Math.abs(issuedAt - nowSeconds) <= toleranceSeconds
      const name = bytesToHex(nonce)
      const isReplay = isRecent(used.get(name), nowSeconds)
      void verdict.then((identity) => {
        if ('refused' in identity) return
        const isFull = identity.kind === 'device'
        if (isFull && isInTime && !isReplay) used.set(name, nowSeconds)
        if (!isFull || (isInTime && !isReplay)) return
        const why = isReplay ? 'its nonce was used' : `it says ${issuedAt} at ${nowSeconds}`
        record.violate('a login is judged by its time and nonce', `${request.clientId}: ${why}`)
      })
      return verdict
    },
  }
}

function isRecent(usedSeconds: number | undefined, nowSeconds: number): boolean {
  if (usedSeconds === undefined) return false
  return Math.abs(nowSeconds - usedSeconds) <= 2 * toleranceSeconds
}
