/**
 * Who may log in: devices and fleets by a signed Connect, people's tools by a static credential.
 * @module
 */

import type { Identity } from '../protocol/access.ts'
import { checkConnect } from '../protocol/connect.ts'
import { FLEET_ITSELF } from '../protocol/ids.ts'
import { parsePublicKey } from '../protocol/keys.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../protocol/limits.ts'
import type { ConnectRequest } from './broker/broker.ts'
import { refuseCertificate } from './broker/tls/certificateRule.ts'
import type { Core } from './core.ts'
import { markPage } from './operators/stepUp.ts'

export type Login = {
  readonly authenticate: (
    request: ConnectRequest,
  ) => Promise<Identity | { readonly refused: string }>
  /** The nonce with which a device whose clock is off logged in. */
  readonly nonceOf: (identity: Identity) => Uint8Array | undefined
}

/** Checks a static credential: `name@fleet` and its password. */
export type CheckCredential = (
  username: string,
  password: Uint8Array,
) => Promise<Identity | { readonly refused: string }>

/** More nonces than this within twice the tolerance are a flood: the oldest are forgotten. */
const NONCES_MAX = 200_000

export function createLogin(core: Core, checkCredential: CheckCredential): Login {
  const nonces = new Map<string, number>()
  /** By the very identity that a session was given: another login must not answer for it. */
  const stale = new WeakMap<Identity, Uint8Array>()
  const nowSeconds = () => Math.floor(core.ports.clock.nowMs() / 1_000)
  const remember = (nonce: Uint8Array) => {
    forgetNonces(nonces, nowSeconds())
    nonces.set(keyText(nonce), nowSeconds())
  }
  const authenticate: Login['authenticate'] = async (request) => {
    const username = request.username ?? ''
    const password = request.password ?? new Uint8Array()
    const refusal = refuseCertificate(username, request.certificate)
    if (refusal !== undefined) return { refused: refusal }
    if (username.includes('@')) {
      const found = await checkCredential(username, password)
      if (!('refused' in found) && request.origin !== undefined) markPage(found)
      return found
    }
    const verdict = checkConnect(
      {
        domain: core.state.domain,
        gateway: core.config.gateway,
        clientId: request.clientId,
        username,
        keyOf: (fleet, device) => keyOf(core, fleet, device),
        isNonceUsed: (nonce) => nonces.has(keyText(nonce)),
        nowSeconds: nowSeconds(),
      },
      password,
      core.verify,
    )
    if (verdict.kind === 'refused') return { refused: verdict.reason }
    const { fleet, device, nonce } = verdict.connect
    if (verdict.kind === 'stale_clock') {
      const identity: Identity = { kind: 'stale_clock', fleet, device }
      stale.set(identity, nonce)
      return identity
    }
    remember(nonce)
    core.counters.connects += 1
    return device === FLEET_ITSELF ? { kind: 'fleet', fleet } : { kind: 'device', fleet, device }
  }
  return { authenticate, nonceOf: (identity) => stale.get(identity) }
}

/** One character a byte: as hex a nonce would take ten times the memory. */
function keyText(nonce: Uint8Array): string {
  return String.fromCharCode(...nonce)
}

function keyOf(core: Core, fleet: string, device: string) {
  const encoded =
    device === FLEET_ITSELF
      ? core.state.fleets.get(fleet)?.signerKey
      : core.state.cold.device(fleet, device)?.key
  if (encoded === undefined || core.state.cold.keyUse(encoded)?.revoked) return undefined
  return parsePublicKey(encoded)
}

/** Nonces are remembered for twice the tolerance: no token is valid for longer. */
function forgetNonces(nonces: Map<string, number>, nowSeconds: number): void {
  for (const [nonce, at] of nonces) {
    if (nowSeconds - at <= 2 * CLOCK_TOLERANCE_SECONDS && nonces.size < NONCES_MAX) return
    nonces.delete(nonce)
  }
}
