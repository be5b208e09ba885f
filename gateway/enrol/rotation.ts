/**
 * A device that moves to a new key by itself: its channels close and settle under the old key, and
 * new ones begin at 0.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import { encodePublicKey, parsePublicKey } from '../../protocol/keys.ts'
import { checkRotation } from '../../protocol/rotation.ts'
import type { Core } from '../core.ts'
import { replaceDevice } from '../enrolment.ts'
import type { Session } from '../intake/session.ts'

/** Each rotation takes positions that are never given again. */
export const ROTATION_PAUSE_SECONDS = 86_400
/** Devices whose last rotation is remembered. */
const REMEMBERED_MAX = 100_000
const rotatedAt = new WeakMap<Core, Map<string, number>>()

/** Carries the rotation out, which ends the session; a refusal is logged and changes nothing. */
export function takeRotation(core: Core, session: Session, payload: Uint8Array): void {
  const { fleet, device } = session
  const next = judge(core, session, payload)
  if (typeof next === 'string') {
    core.ports.log('warn', 'a device may not change its key', { fleet, device, reason: next })
    return
  }
  try {
    replaceDevice(core, fleet, device, next, undefined)
    remember(core, clientIdOf(fleet, device))
    core.ports.log('info', 'a device has a new key', { fleet, device })
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const reason = error.message
    core.ports.log('warn', 'a device may not change its key', { fleet, device, reason })
  }
}

function judge(core: Core, { fleet, device }: Session, payload: Uint8Array): PublicKey | string {
  const known = present(core.state.cold.device(fleet, device), 'a session is of a known device')
  const key = present(parsePublicKey(known.key), 'an enrolled key is sound')
  const context = {
    domain: core.state.domain,
    gateway: core.config.gateway,
    fleet,
    device,
    key,
    wasUsed: (next: PublicKey) => core.state.cold.keyUse(encodePublicKey(next)) !== undefined,
    nowSeconds: core.writer.seconds(),
  }
  const verdict = checkRotation(context, payload, core.verify)
  return typeof verdict === 'string' || mayRotate(core, clientIdOf(fleet, device))
    ? verdict
    : 'too_soon'
}

function mayRotate(core: Core, name: string): boolean {
  const last = rotatedAt.get(core)?.get(name) ?? Number.NEGATIVE_INFINITY
  return core.writer.seconds() - last >= ROTATION_PAUSE_SECONDS
}

function remember(core: Core, name: string): void {
  const known = rotatedAt.get(core) ?? new Map<string, number>()
  rotatedAt.set(core, known)
  known.delete(name)
  known.set(name, core.writer.seconds())
  const [oldest] = known.keys()
  if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest)
}
