/**
 * A device that belongs to nobody yet: it asks with its claim and its own key until it is told what
 * was decided. It waits for as long as that takes.
 * @module
 */
import type { Connector, Ports, Transport } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { equalBytes, utf8ToBytes } from '../protocol/bytes.ts'
import type { ClaimToken, Enrolled } from '../protocol/enrolment.ts'
import {
  claimUsername,
  decodeEnrolled,
  encodeEnrol,
  enrolledStructure,
  enrolStructure,
} from '../protocol/enrolment.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { algorithmByte, parsePublicKey, verifyDigest } from '../protocol/keys.ts'
import { digestOf } from '../protocol/structures.ts'
import { formatTopic } from '../protocol/topics.ts'
import { retryDelayMs } from './backoff.ts'
import type { Signer } from './epochs.ts'

export type ClaimWorld = {
  readonly ports: Ports
  readonly connector: Connector
  readonly signer: Signer
}

/** What the device is from now on. */
export type EnrolledAs = { readonly device: string; readonly fleetSigner: PublicKey | undefined }

/** A decision that got lost is asked for again. */
const ASK_AGAIN_MS = 60_000
const KEEPALIVE_SECONDS = 60

const advice: Readonly<Record<string, string>> = {
  bad_signature: 'the gateway takes this request for somebody else: give this device a new claim',
  claim_used: 'another device has used this claim: refuse it and give this device a new one',
  expired: 'this claim is over: give this device a new one ("tickpay enrol claim")',
  refused: 'the operator refused this device: give it a new claim if that was a mistake',
}

/**
 * Resolves when the operator has approved.
 * @throws OperatorError when the claim is refused for good
 */
export async function enrolByClaim(token: ClaimToken, world: ClaimWorld): Promise<EnrolledAs> {
  const { ports } = world
  const request = await requestOf(token, world.signer)
  for (let failures = 1; ; failures++) {
    const answer = await askOnce(token, world, request).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      ports.log('warn', 'cannot ask to be enrolled; trying again', { serial: token.serial, reason })
      return undefined
    })
    if (answer?.status === 'approved') {
      return { device: answer.device, fleetSigner: parsePublicKey(answer.signer) }
    }
    if (answer) throw new OperatorError(advice[answer.status] ?? `the claim: ${answer.status}`)
    await new Promise<void>((resolve) => {
      ports.timers.after(retryDelayMs(failures, ports.random), resolve)
    })
  }
}

async function requestOf(token: ClaimToken, signer: Signer): Promise<Uint8Array> {
  const { fleet, gateway, serial, domain } = token
  const { algorithm, bytes: key } = signer.publicKey
  const value = { gateway, fleet, serial, algorithm: algorithmByte(algorithm), key }
  const signature = await signer.sign(digestOf(domain, enrolStructure, value))
  return encodeEnrol({ value, signature })
}

/** One connection; rejects when it ends without a decision. */
async function askOnce(
  token: ClaimToken,
  { ports, connector, signer }: ClaimWorld,
  request: Uint8Array,
): Promise<Enrolled> {
  const { fleet, serial } = token
  const username = claimUsername(fleet, serial)
  const password = utf8ToBytes(token.secret)
  const login = { clientId: username, username, password, keepaliveSeconds: KEEPALIVE_SECONDS }
  const transport = await connector(login)
  const asking = ports.timers.every(ASK_AGAIN_MS, () => void ask(transport).catch(() => undefined))
  const ask = (line: Transport) =>
    line.publish(formatTopic({ kind: 'enrol', fleet, serial }), request, { retain: false })
  try {
    return await new Promise<Enrolled>((resolve, reject) => {
      transport.onClose(() => reject(new Error('the connection ended')))
      transport.onMessage((_topic, payload) => {
        const answer = believed(token, signer.publicKey, payload)
        if (answer?.status === 'pending') {
          ports.log('info', 'waiting until the operator approves: "tickpay enrol approve"', {
            serial,
          })
        } else if (answer) resolve(answer)
      })
      transport
        .subscribe([formatTopic({ kind: 'enrolled', fleet, serial })])
        .then(() => ask(transport))
        .catch(reject)
    })
  } finally {
    asking()
    await transport.close().catch(() => undefined)
  }
}

/** An answer that the gateway of the claim has signed, about this very key. */
function believed(
  { domain, fleet, gateway, gatewayKey, serial }: ClaimToken,
  own: PublicKey,
  payload: Uint8Array,
): Enrolled | undefined {
  const signed = decodeEnrolled(payload)
  if (!signed) return undefined
  const { value, signature } = signed
  const isMine = value.fleet === fleet && value.serial === serial && value.gateway === gateway
  const isMyKey =
    value.algorithm === algorithmByte(own.algorithm) && equalBytes(value.key, own.bytes)
  const digest = digestOf(domain, enrolledStructure, value)
  return isMine && isMyKey && verifyDigest(gatewayKey, digest, signature) ? value : undefined
}
