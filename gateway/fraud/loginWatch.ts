/**
 * Counts logins that are refused, under the device or the credential that they name. Anybody can
 * name anybody: nothing that is counted here may be held against a device.
 * @module
 */
import type { ConnectRequest } from '../broker/broker.ts'
import type { Core } from '../core.ts'
import type { Login } from '../login.ts'

/** Stands for all whose names the gateway does not know. */
export const STRANGERS = { fleet: '_', device: '_' } as const

/** `authenticate`, whose refusals are counted. */
export function watchedLogin(
  core: Core,
  authenticate: Login['authenticate'],
): Login['authenticate'] {
  return async (request) => {
    const verdict = await authenticate(request)
    if ('refused' in verdict) {
      const { fleet, device } = namedIn(core, request)
      const sign = verdict.refused === 'wrong_gateway' ? 'wrong_gateway' : 'login_refused'
      core.signs.add(fleet, device, sign)
    }
    return verdict
  }
}

function namedIn({ state }: Core, { username = '' }: ConnectRequest) {
  const [name = '', of = ''] = username.split('@')
  if (of !== '') {
    return state.credentials.has(`${of}/${name}`) ? { fleet: of, device: `@${name}` } : STRANGERS
  }
  const [fleet = '', device = ''] = username.split('/')
  const isKnown = state.fleets.has(fleet) && state.cold.device(fleet, device) !== undefined
  return isKnown ? { fleet, device } : STRANGERS
}
