/**
 * A whole gateway behind TLS, with certificates of `tickpay ca`, and devices that pay there.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { run } from '../../cli/run.ts'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import type { OpenGateway } from '../../gateway/io/openGateway.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import type { TlsFilesConfig } from '../../ports/configTypes.ts'
import type { Connector } from '../../ports/index.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import type { KeyPair } from '../../ports/io/keyFile.ts'
import { createKeyFile, createKeyPair } from '../../ports/io/keyFile.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import type { Enrolled } from '../bridge/site.ts'
import { mandateHex } from '../support/mandateHex.ts'
import { testTerminal } from '../support/testTerminal.ts'

export const fleet = 'acme'
export const pricePerTick = 300n
/** More than the longest chain. */
const TICKS = 100_000n

export type TlsSite = {
  readonly folder: string
  readonly gatewayKey: PublicKey
  readonly signer: KeyPair
  readonly port: number
  readonly call: OpenGateway['gateway']['call']
  /** `tickpay ca` with these words. */
  readonly ca: (...words: readonly string[]) => Promise<void>
  /** Enrols a device with a mandate and makes its certificate, for the key that it signs with. */
  readonly enrol: (device: string) => Promise<Enrolled>
  /** How a device connects with its own key, and with the certificate of this name. */
  readonly connector: (device: Enrolled, certificate?: string) => Promise<Connector>
  readonly tls: (name: string) => TlsFilesConfig
  readonly close: () => Promise<void>
}

export async function openTlsSite(listener: object = {}): Promise<TlsSite> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-tls-'))
  const at = (name: string) => join(folder, name)
  const ca = makeCa(at)
  await ca('create')
  await ca('server', '--host', '127.0.0.1', '--host', 'localhost', '--out', folder)
  writeFileSync(at('passphrase'), 'passphrase\n', { mode: 0o600 })
  const { publicKey: gatewayKey } = await createKeyFile(at('key.json'), 'p256', 'passphrase')
  const signer = createKeyPair('ed25519')
  const opened = await open(at, listener)
  const { call } = opened.gateway
  await call('enrol_fleet', { fleet, signerKey: formatPublicKey(signer.publicKey) })
  await call('ledger_fund', { fleet, amount: '1000000000' })
  const [port = 0] = opened.listening
  const tls = (name: string) => ({
    authority: at('ca/authorities.pem'),
    certificate: at(`${name}.pem`),
  })
  return {
    folder,
    gatewayKey,
    signer,
    port,
    call,
    ca,
    tls,
    enrol: async (device) => {
      const enrolled = await enrolAt(opened, signer, device)
      const key = formatPublicKey(enrolled.key.publicKey)
      await ca('device', `${fleet}/${device}`, '--key', key, '--out', folder)
      return enrolled
    },
    connector: ({ identity, key }, certificate = `${fleet}.${identity.device}`) => {
      const url = `mqtts://127.0.0.1:${port}`
      return brokerConnector({ url, tls: tls(certificate) }, {}, key.privateKey)
    },
    close: async () => {
      await opened.close()
      rmSync(folder, { recursive: true })
    },
  }
}

function makeCa(at: (name: string) => string): TlsSite['ca'] {
  return async (...words) => {
    const terminal = testTerminal()
    const place = ['--dir', at('ca'), '--passphrase-file', at('ca.pass')]
    const code = await run(['ca', ...words, ...place], terminal)
    if (code !== 0) throw new Error(terminal.errorLines.join('\n'))
  }
}

function open(at: (name: string) => string, listener: object): Promise<OpenGateway> {
  const settings = v.parse(gatewayConfigSchema, {
    gateway: 'depot',
    data: at('data'),
    key: { file: at('key.json'), passphraseFile: at('passphrase') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    listeners: [
      {
        kind: 'tls',
        port: 0,
        certificate: at('server.pem'),
        key: at('server.key'),
        clientAuthority: at('ca/authorities.pem'),
        revocationList: at('ca/revoked.pem'),
        ...listener,
      },
    ],
    tariffs: [{ unit: 'Wh', unitsPerTick: '10', pricePerTick: `${pricePerTick}` }],
    reportSeconds: 1,
  })
  const ports = nodePorts(() => {})
  return openGateway(settings, ports, (error) => {
    throw error
  })
}

const enrolmentSchema = v.object({
  ledger: v.object({ chainId: v.string(), contract: v.string() }),
  channels: v.array(v.object({ channelId: v.string() })),
})

export async function enrolAt(
  opened: OpenGateway,
  signer: KeyPair,
  device: string,
): Promise<Enrolled> {
  const key = createKeyPair('p256')
  const { call } = opened.gateway
  const publicKey = formatPublicKey(key.publicKey)
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const answer = await call('enrol_device', { fleet, device, publicKey, meters })
  const { ledger, channels } = v.parse(enrolmentSchema, answer)
  const domain = {
    chainId: BigInt(ledger.chainId),
    verifyingContract: present(parseHex(ledger.contract), 'hex'),
  }
  const { channelId } = present(channels[0], 'a channel')
  const limit = TICKS * pricePerTick
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const by = { domain, key: signer.privateKey, nowSeconds }
  const mandate = mandateHex(by, { channelId: present(parseHex(channelId), 'hex'), limit })
  await call('mandate_put', { mandates: [mandate] })
  const { privateKey, rootSecret } = key
  const identity = { fleet, device, gateway: 'depot', domain, key: privateKey, rootSecret }
  return { channelId, key, identity }
}
