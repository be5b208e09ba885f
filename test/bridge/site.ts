/**
 * A gateway that is a client of a real Mosquitto, with a funded fleet, and devices that log in at
 * the broker: real TCP, real files.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import type { OpenGateway } from '../../gateway/io/openGateway.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import type { Connector } from '../../ports/index.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import type { KeyPair } from '../../ports/io/keyFile.ts'
import { createKeyFile, createKeyPair } from '../../ports/io/keyFile.ts'
import { nodeClock, nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { mandateHex } from '../support/mandateHex.ts'
import type { DeviceIdentity } from '../support/scriptedDevice.ts'
import type { Mosquitto } from './mosquitto.ts'

/** Names as in the example of the access list. */
export const gateway = 'depot'
export const fleet = 'acme'
export const unitsPerTick = 10n
export const pricePerTick = 300n
export const feeBasisPoints = 100
export const funded = 10_000_000n

export type Site = {
  readonly folder: string
  readonly gatewayKey: PublicKey
  readonly signer: KeyPair
  readonly domain: () => Domain
  readonly opened: () => OpenGateway
  readonly call: OpenGateway['gateway']['call']
  /** The part of `status` about the broker. */
  readonly broker: () => Promise<BrokerStatus>
  /** What the gateway logged at level `warn` or worse. */
  readonly warnings: string[]
  /** Stops the gateway, lets `meanwhile` happen, and opens its store again. */
  readonly restart: (meanwhile?: () => Promise<void>) => Promise<void>
  readonly enrol: (device: string, meter?: string) => Promise<Enrolled>
  /** The wire form of a mandate for so many ticks in all, as hex. */
  readonly mandate: (channelId: string, sequence: number, ticks: bigint) => string
  readonly close: () => Promise<void>
}

export type Enrolled = {
  readonly channelId: string
  readonly identity: DeviceIdentity
  readonly key: KeyPair
}

const brokerSchema = v.object({
  broker: v.object({
    kind: v.literal('attached'),
    place: v.string(),
    state: v.string(),
    reason: v.nullable(v.string()),
    connections: v.number(),
    messages: v.number(),
    devices: v.number(),
    ignored: v.record(v.string(), v.number()),
    dropped: v.number(),
  }),
})
export type BrokerStatus = v.InferOutput<typeof brokerSchema>['broker']

/** Fields of `broker` in the configuration. */
export type BrokerFields = Readonly<Record<string, unknown>>

type Stage = {
  readonly folder: string
  readonly broker: BrokerFields
  readonly warnings: string[]
  opened: OpenGateway
  domain: Domain
}

/** Opens a gateway that logs in as the user `depot`. */
export async function openSite(mosquitto: Mosquitto, change: BrokerFields = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'tickpay-attached-'))
  await writeFile(join(folder, 'passphrase'), 'passphrase\n', { mode: 0o600 })
  const key = await createKeyFile(join(folder, 'key.json'), 'p256', 'passphrase')
  const signer = createKeyPair('ed25519')
  const broker = {
    url: `mqtt://${gateway}@127.0.0.1:${mosquitto.port}`,
    passwordFile: mosquitto.passwordFile,
    ...change,
  }
  const warnings: string[] = []
  const opened = await open(folder, broker, warnings)
  const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }
  const stage: Stage = { folder, broker, warnings, opened, domain }
  const call: Site['call'] = (verb, args) => stage.opened.gateway.call(verb, args)
  await call('enrol_fleet', { fleet, signerKey: formatPublicKey(signer.publicKey) })
  await call('ledger_fund', { fleet, amount: `${funded}` })
  return {
    folder,
    gatewayKey: key.publicKey,
    signer,
    domain: () => stage.domain,
    opened: () => stage.opened,
    call,
    broker: async () => v.parse(brokerSchema, await call('status', {})).broker,
    warnings,
    restart: async (meanwhile = async () => {}) => {
      await stage.opened.close()
      await meanwhile()
      stage.opened = await open(folder, broker, warnings)
    },
    enrol: (device, meter = 'main') => enrol(stage, device, meter),
    mandate: (channelId, sequence, ticks) => mandate(stage, signer, channelId, sequence, ticks),
    close: async () => {
      await stage.opened.close()
      await rm(folder, { recursive: true })
    },
  }
}

function open(folder: string, broker: BrokerFields, warnings: string[]): Promise<OpenGateway> {
  const settings = v.parse(gatewayConfigSchema, {
    gateway,
    data: join(folder, 'data'),
    key: { file: join(folder, 'key.json'), passphraseFile: join(folder, 'passphrase') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    feeBasisPoints,
    broker,
    tariffs: [{ unit: 'Wh', unitsPerTick: `${unitsPerTick}`, pricePerTick: `${pricePerTick}` }],
    reportSeconds: 1,
  })
  const ports = nodePorts((level, message, fields) => {
    if (level === 'warn' || level === 'error') {
      warnings.push(`${message} ${JSON.stringify(fields ?? {})}`)
    }
  })
  return openGateway(settings, ports, (error) => {
    throw error
  })
}

const enrolmentSchema = v.object({
  ledger: v.object({ chainId: v.string(), contract: v.string() }),
  channels: v.array(v.object({ channelId: v.string() })),
})

async function enrol(stage: Stage, device: string, meter: string): Promise<Enrolled> {
  const key = createKeyPair('p256')
  const answer = await stage.opened.gateway.call('enrol_device', {
    fleet,
    device,
    publicKey: formatPublicKey(key.publicKey),
    meters: [{ meter, unit: 'Wh' }],
  })
  const { ledger, channels } = v.parse(enrolmentSchema, answer)
  const verifyingContract = present(parseHex(ledger.contract), 'hex')
  stage.domain = { chainId: BigInt(ledger.chainId), verifyingContract }
  return {
    channelId: present(channels[0], 'a channel').channelId,
    key,
    identity: {
      fleet,
      device,
      gateway,
      domain: stage.domain,
      key: key.privateKey,
      rootSecret: key.rootSecret,
    },
  }
}

function mandate(
  stage: Stage,
  signer: KeyPair,
  channelId: string,
  sequence: number,
  ticks: bigint,
): string {
  const nowSeconds = Math.floor(nodeClock.nowMs() / 1_000)
  const limit = ticks * pricePerTick
  const by = { domain: stage.domain, key: signer.privateKey, nowSeconds }
  return mandateHex(by, { channelId: present(parseHex(channelId), 'hex'), sequence, limit })
}

/** How `user` reaches the broker; without a user everybody as who he is. */
export function loginAt(mosquitto: Mosquitto, user?: string): Promise<Connector> {
  const { passwordFile, port } = mosquitto
  const login = { passwordFile, ...(user === undefined ? {} : { username: user }) }
  return brokerConnector({ url: `mqtt://127.0.0.1:${port}`, login }, {})
}
