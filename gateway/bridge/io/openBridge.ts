/**
 * A bridge to the broker that a configuration names.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Ports } from '../../../ports/index.ts'
import { readPassphrase } from '../../../ports/io/keyFile.ts'
import { isLoopback } from '../../../ports/loopback.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import type { Bridge } from '../bridge.ts'
import { createBridge } from '../bridge.ts'
import type { BrokerSettings } from '../config.ts'
import { defaultBridgeLimits } from '../limits.ts'
import type { TlsOptions } from './socketWire.ts'
import { socketWire } from './socketWire.ts'

const USUAL_PORTS: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 }

type Rates = { readonly messagesPerSecond: number; readonly messagesBurst: number }

/** The address of a broker without user and password, for people. */
export function brokerPlace(settings: BrokerSettings): string {
  const { scheme, host, port } = readUrl(settings)
  return `${scheme}//${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/**
 * Reads what the configuration names; nothing is connected yet.
 * @throws OperatorError when a file cannot be read
 */
export async function openBridge(
  settings: BrokerSettings,
  gateway: string,
  rates: Rates,
  ports: Ports,
): Promise<Bridge> {
  const { host, port, scheme, username } = readUrl(settings)
  const password = await readPassword(settings)
  const tls = scheme === 'mqtts:' ? await readTls(settings) : undefined
  if (password !== undefined && !tls && !isLoopback(host)) {
    ports.log('warn', 'the password travels to the broker in the clear: use mqtts://', { host })
  }
  return createBridge({
    ports,
    gateway,
    place: brokerPlace(settings),
    username,
    password,
    open: socketWire({ host, port, tls }),
    limits: { ...defaultBridgeLimits, ...rates },
    unsigned: new Set(settings.unsigned),
  })
}

function readUrl({ url }: BrokerSettings) {
  const parsed = new URL(url)
  return {
    scheme: parsed.protocol,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || USUAL_PORTS[parsed.protocol]),
    username: parsed.username === '' ? undefined : decodeURIComponent(parsed.username),
  }
}

async function readPassword(settings: BrokerSettings): Promise<Uint8Array | undefined> {
  const { passwordFile, passwordEnv, passwordCredential } = settings
  const source = { file: passwordFile, env: passwordEnv, credential: passwordCredential }
  if (!passwordFile && !passwordEnv && !passwordCredential) return undefined
  return utf8ToBytes(await readPassphrase(source, process.env))
}

async function readTls(settings: BrokerSettings): Promise<TlsOptions> {
  const { caFile, certificateFile, certificateKeyFile } = settings
  const chain = certificateFile && (await readPem(certificateFile))
  const key = certificateKeyFile && (await readPem(certificateKeyFile))
  return {
    ca: caFile === undefined ? undefined : await readPem(caFile),
    certificate: chain && key ? { chain, key } : undefined,
  }
}

async function readPem(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new OperatorError(`cannot read ${path} (${code}): check the path and who may read it`)
  }
  if (Buffer.from(bytes).includes('-----BEGIN ')) return bytes
  throw new OperatorError(`${path} is no PEM file: give it as openssl writes it`)
}
