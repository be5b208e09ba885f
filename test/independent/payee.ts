/**
 * A real gateway in this process: real TCP, real files, and a fleet whose signer key is at hand.
 * @module
 */

import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import type { OpenGateway } from '../../gateway/io/openGateway.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import type { KeyPair } from '../../ports/io/keyFile.ts'
import { createKeyFile, createKeyPair } from '../../ports/io/keyFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodeClock, nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { Algorithm, PublicKey } from '../../protocol/keys.ts'
import { encodePublicKey } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { mandateHex } from '../support/mandateHex.ts'

export const fleet = 'acme'
const gateway = 'gw-1'
export const feeBasisPoints = 100
export const funded = 10_000_000n
export const pricePerTick = 300n
export const unitsPerTick = 10n

export type Payee = {
  /** An operator's verb. */
  readonly call: OpenGateway['gateway']['call']
  /** Where it listens, on this machine. */
  readonly port: number
  /** Moves the gateway's clock on, as time would. */
  readonly passSeconds: (seconds: number) => void
  /** What the gateway logged at level `warn` or worse. */
  readonly warnings: readonly string[]
  /** Enrols a device with one meter; answers with its channel and its configuration file. */
  readonly enrol: (device: string, algorithm: Algorithm) => Promise<Enrolled>
  /** Signs a mandate for this many ticks in all and hands it in. */
  readonly mandate: (channelId: string, sequence: number, ticks: bigint) => Promise<void>
  /** Stops the gateway and opens its store again on the same port. */
  readonly restart: () => Promise<void>
  /** Stops the gateway, keeps a copy of its store, and starts it again. */
  readonly backUp: () => Promise<void>
  /** Starts the gateway from that copy: whatever came after it is lost. */
  readonly restore: () => Promise<void>
  readonly close: () => Promise<void>
}

export type Enrolled = {
  readonly channelId: string
  /** Writes what enrolment gives the device, with changes. */
  readonly configFile: (change?: Readonly<Record<string, unknown>>) => Promise<string>
}

/** What stays through restarts. */
type PayeeWorld = { aheadMs: number; readonly warnings: string[] }

type Stage = {
  readonly folder: string
  readonly key: KeyPair
  readonly signer: KeyPair
  readonly port: number
  opened: OpenGateway
  /** The ledger, as enrolment names it. */
  domain: Domain
  readonly world: PayeeWorld
}

/** A gateway on a port of its own with a funded fleet, whose signer may be somebody else's. */
export async function openPayee(fleetSigner?: PublicKey): Promise<Payee> {
  const folder = await mkdtemp(join(tmpdir(), 'tickpay-independent-'))
  await writeFile(join(folder, 'passphrase'), 'passphrase\n', { mode: 0o600 })
  const key = await createKeyFile(join(folder, 'key.json'), 'p256', 'passphrase')
  const signer = createKeyPair('ed25519')
  const world: PayeeWorld = { aheadMs: 0, warnings: [] }
  const opened = await open(folder, 0, world)
  const port = present(opened.listening[0], 'a listener')
  const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }
  const stage: Stage = { folder, key, signer, port, opened, domain, world }
  const call: Payee['call'] = (verb, args) => stage.opened.gateway.call(verb, args)
  await call('enrol_fleet', {
    fleet,
    signerKey: formatPublicKey(fleetSigner ?? signer.publicKey),
  })
  await call('ledger_fund', { fleet, amount: `${funded}` })
  const [data, copy] = [join(folder, 'data'), join(folder, 'copy')]
  return {
    call,
    port,
    passSeconds: (seconds) => {
      world.aheadMs += seconds * 1_000
    },
    warnings: world.warnings,
    enrol: (device, algorithm) => enrol(stage, device, algorithm),
    mandate: (channelId, sequence, ticks) => giveMandate(stage, channelId, sequence, ticks),
    restart: () => reopen(stage, async () => {}),
    backUp: () => reopen(stage, () => cp(data, copy, { recursive: true })),
    restore: () =>
      reopen(stage, async () => {
        await rm(data, { recursive: true })
        await rename(copy, data)
      }),
    close: async () => {
      await stage.opened.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function reopen(stage: Stage, meanwhile: () => Promise<void>): Promise<void> {
  await stage.opened.close()
  await meanwhile()
  stage.opened = await open(stage.folder, stage.port, stage.world)
}

async function open(folder: string, port: number, world: PayeeWorld): Promise<OpenGateway> {
  const settings = v.parse(gatewayConfigSchema, {
    gateway,
    data: join(folder, 'data'),
    key: { file: join(folder, 'key.json'), passphraseFile: join(folder, 'passphrase') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    feeBasisPoints,
    listeners: [{ kind: 'tcp', port }],
    tariffs: [{ unit: 'Wh', unitsPerTick: `${unitsPerTick}`, pricePerTick: `${pricePerTick}` }],
  })
  const real = nodePorts((level, message, fields) => {
    if (level === 'warn' || level === 'error') {
      world.warnings.push(`${message} ${JSON.stringify(fields ?? {})}`)
    }
    if (level === 'error') jsonLog('error')(level, message, fields)
  })
  const clock = { ...real.clock, nowMs: () => real.clock.nowMs() + world.aheadMs }
  const ports = { ...real, clock }
  return openGateway(settings, ports, (error) => {
    throw error
  })
}

const enrolmentSchema = v.object({
  ledger: v.object({ chainId: v.string(), contract: v.string() }),
  channels: v.array(v.object({ channelId: v.string() })),
})

async function enrol(stage: Stage, device: string, algorithm: Algorithm): Promise<Enrolled> {
  const own = createKeyPair(algorithm)
  const publicKey = formatPublicKey(own.publicKey)
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const args = { fleet, device, publicKey, meters }
  const { call } = stage.opened.gateway
  const { ledger, channels } = v.parse(enrolmentSchema, await call('enrol_device', args))
  const verifyingContract = present(parseHex(ledger.contract), 'hex')
  stage.domain = { chainId: BigInt(ledger.chainId), verifyingContract }
  const config = {
    host: '127.0.0.1',
    port: stage.port,
    fleet,
    device,
    gateway,
    gatewayKey: bytesToHex(encodePublicKey(stage.key.publicKey)),
    signerKey: bytesToHex(encodePublicKey(stage.signer.publicKey)),
    domain: { chainId: ledger.chainId, verifyingContract: bytesToHex(verifyingContract) },
    algorithm,
    privateKey: bytesToHex(own.privateKey.bytes),
    rootSecret: bytesToHex(own.rootSecret),
    meters,
  }
  return {
    channelId: present(channels[0], 'a channel').channelId,
    configFile: async (change = {}) => {
      const path = join(stage.folder, `${device}.json`)
      await writeFile(path, JSON.stringify({ ...config, ...change }), { mode: 0o600 })
      return path
    },
  }
}

async function giveMandate(
  stage: Stage,
  channelId: string,
  sequence: number,
  ticks: bigint,
): Promise<void> {
  const nowSeconds = Math.floor(nodeClock.nowMs() / 1_000)
  const by = { domain: stage.domain, key: stage.signer.privateKey, nowSeconds }
  const limit = ticks * pricePerTick
  const terms = { channelId: present(parseHex(channelId), 'hex'), sequence, limit }
  const mandates = [mandateHex(by, terms)]
  await stage.opened.gateway.call('mandate_put', { mandates })
}
