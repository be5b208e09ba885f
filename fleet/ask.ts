/**
 * One question of a fleet at its gateway, from the terminal: signs in, asks, and reads all pages of
 * the answer.
 * @module
 */
import type { Connector, Ports } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { formatTopic } from '../protocol/topics.ts'
import { type FleetIdentity, loginOptions } from './login.ts'
import { createRequests } from './requests.ts'

const NAME_BYTES = 6

export type Ask = (verb: string, fields: Readonly<Record<string, unknown>>) => Promise<unknown>

/**
 * Carries out `act` with a connection as the fleet itself.
 * @throws OperatorError when the gateway cannot be reached, or refuses
 */
export async function withFleet<T>(
  identity: FleetIdentity,
  connector: Connector,
  verb: string,
  ports: Ports,
  act: (ask: Ask) => Promise<T>,
): Promise<T> {
  const { clock, random, timers } = ports
  const nowSeconds = Math.floor(clock.nowMs() / 1_000)
  const login = await loginOptions(identity, nowSeconds, random.bytes(32))
  const transport = await connector(login).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new OperatorError(`cannot sign in at the gateway: ${reason}`)
  })
  const requests = createRequests(timers, identity.fleet, bytesToHex(random.bytes(NAME_BYTES)))
  transport.onMessage((_, payload) => requests.take(payload))
  transport.onClose(requests.drop)
  try {
    await transport.subscribe([formatTopic({ kind: 'response', fleet: identity.fleet, verb })])
    return await act((name, fields) => requests.ask(transport, name, fields))
  } finally {
    await transport.close()
  }
}
