/**
 * The step to a new key with the files of a device: its configuration now, and the one after.
 * @module
 */
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { AgentConfig } from '../config.ts'
import { domainOf } from '../config.ts'
import { rotateKey } from '../rotate.ts'
import { openDeviceKey } from './deviceKey.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Moves the device of `now` to the key of `next`.
 * @throws OperatorError when the two are not the same device, or the gateway refuses
 */
export async function rotateDevice(
  now: AgentConfig,
  next: AgentConfig,
  environment: Environment,
): Promise<'rotated' | 'was_rotated'> {
  const isSame =
    now.fleet === next.fleet && now.device === next.device && now.gateway.id === next.gateway.id
  if (!isSame) throw new OperatorError('the two configurations are not of the same device')
  const [old, fresh] = [
    await openDeviceKey(now.key, environment),
    await openDeviceKey(next.key, environment),
  ]
  if (equalBytes(old.signer.publicKey.bytes, fresh.signer.publicKey.bytes)) {
    throw new OperatorError('both configurations name the same key: make a new one')
  }
  const { fleet, device, gateway, keepaliveSeconds } = now
  const name = { fleet, device, gateway, domain: domainOf(now), keepaliveSeconds }
  return rotateKey(name, {
    ports: nodePorts(jsonLog(now.logLevel)),
    connector: await brokerConnector(now.gateway, environment, old.ownKey),
    oldSigner: old.signer,
    newSigner: fresh.signer,
  })
}
