/**
 * Connections to the broker that a configuration names: at a gateway's own broker with the token
 * that the caller signs, at an external one with a user name and a password.
 * @module
 */

import type { PrivateKey } from '../../protocol/keys.ts'
import type { BrokerLoginConfig, TlsFilesConfig } from '../configTypes.ts'
import type { Connector } from '../index.ts'
import { isLoopback } from '../loopback.ts'
import { OperatorError } from '../operatorError.ts'
import { readPassphrase } from './keyFile.ts'
import { mqttConnector } from './mqttConnector.ts'
import { tlsSource, tlsWarnings } from './tlsFiles.ts'

export type BrokerAddress = {
  readonly url: string
  /** Absent at a gateway's own broker. */
  readonly login?: BrokerLoginConfig | undefined
  /** For mqtts://. */
  readonly tls?: TlsFilesConfig | undefined
}

/**
 * A connector to `url`. Without a user name in the configuration it is the caller's own. `ownKey`
 * is what a certificate is for that is named without a key.
 * @throws OperatorError when the address or the place of the password is wrong
 */
export async function brokerConnector(
  { url, login, tls }: BrokerAddress,
  environment: Readonly<Record<string, string | undefined>>,
  ownKey?: PrivateKey,
): Promise<Connector> {
  const connector = await connectorTo(url, tls, ownKey)
  if (login === undefined) return connector
  const { passwordFile: file, passwordEnv: env, passwordCredential: credential, username } = login
  const text = await readPassphrase({ file, env, credential }, environment)
  const password = new TextEncoder().encode(text)
  return (options) => connector({ ...options, username: username ?? options.username, password })
}

/** Lines for the operator about how the way to the broker is protected, and for how long. */
export async function brokerWarnings(
  { url, tls }: BrokerAddress,
  nowMs: number,
): Promise<readonly string[]> {
  if (tls !== undefined) return tlsWarnings(tls, nowMs)
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const isOpen = parsed?.protocol === 'mqtt:' && !isLoopback(parsed.hostname)
  return isOpen ? [`anyone on the way can read and change what goes to ${url}: use mqtts://`] : []
}

async function connectorTo(
  url: string,
  tls: TlsFilesConfig | undefined,
  ownKey: PrivateKey | undefined,
): Promise<Connector> {
  if (url.startsWith('mqtts:')) return mqttConnector(url, await tlsSource(tls ?? {}, ownKey))
  if (tls === undefined) return mqttConnector(url)
  throw new OperatorError(`"${url}" would go without the certificates: write it as mqtts://`)
}
