/**
 * A device's step to a new key: asks the gateway with the old one, and believes that it was done
 * when the new one opens a session.
 * @module
 */
import type { Connector, Ports, Transport } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { algorithmByte } from '../protocol/keys.ts'
import { encodeRotation, ROTATION_SECONDS_MAX } from '../protocol/rotation.ts'
import { digestOf, rotateStructure } from '../protocol/structures.ts'
import { formatTopic } from '../protocol/topics.ts'
import type { DeviceName } from './deviceLogin.ts'
import { signLogin } from './deviceLogin.ts'
import type { Signer } from './epochs.ts'
import { inTime } from './inTime.ts'

export type RotateWorld = {
  readonly ports: Ports
  readonly connector: Connector
  readonly oldSigner: Signer
  readonly newSigner: Signer
}

/** From the request to the end of the session that made it. */
const ANSWER_TIMEOUT_MS = 10_000

/**
 * Resolves with whether it was done now or had been done before.
 * @throws OperatorError when the gateway refused, or is away
 */
export async function rotateKey(
  name: DeviceName,
  world: RotateWorld,
): Promise<'rotated' | 'was_rotated'> {
  const { newSigner, oldSigner } = world
  if (await opens(name, world, newSigner)) return 'was_rotated'
  const line = await connect(name, world, oldSigner).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new OperatorError(`neither key opens a session at ${name.gateway.id}: ${reason}`)
  })
  const ended = new Promise<void>((resolve) => line.onClose(resolve))
  const { fleet, device } = name
  const topic = formatTopic({ kind: 'up', fleet, device, name: 'rotate' })
  // The gateway may end the session before its broker has acknowledged.
  await line.publish(topic, await requestOf(name, world), { retain: false }).catch(() => undefined)
  await inTime(ended, world.ports.timers, ANSWER_TIMEOUT_MS)
  await line.close().catch(() => undefined)
  if (await opens(name, world, newSigner)) return 'rotated'
  throw new OperatorError('the gateway did not take the new key: its log says why')
}

async function opens(name: DeviceName, world: RotateWorld, signer: Signer): Promise<boolean> {
  try {
    await (await connect(name, world, signer)).close()
    return true
  } catch {
    return false
  }
}

async function connect(
  name: DeviceName,
  { connector, ports }: RotateWorld,
  signer: Signer,
): Promise<Transport> {
  const nonce = ports.random.bytes(32)
  return connector(await signLogin(name, signer, nowSeconds(ports), nonce))
}

async function requestOf(
  { domain, fleet, device, gateway }: DeviceName,
  { newSigner, oldSigner, ports }: RotateWorld,
): Promise<Uint8Array> {
  const issuedAt = nowSeconds(ports)
  const { algorithm, bytes: key } = newSigner.publicKey
  const value = {
    gateway: gateway.id,
    fleet,
    role: 'device',
    subject: device,
    algorithm: algorithmByte(algorithm),
    key,
    nonce: issuedAt,
    issuedAt,
    expiry: issuedAt + ROTATION_SECONDS_MAX,
  }
  const digest = digestOf(domain, rotateStructure, value)
  const signature = await oldSigner.sign(digest)
  return encodeRotation({ value, signature, possession: await newSigner.sign(digest) })
}

function nowSeconds({ clock }: Ports): number {
  return Math.floor(clock.nowMs() / 1_000)
}
