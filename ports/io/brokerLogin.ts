/**
 * Connections to the broker that a configuration names: at a gateway's own broker with the token
 * that the caller signs, at an external one with a user name and a password.
 * @module
 */
import type { BrokerLoginConfig, TlsFilesConfig } from '../configTypes.ts'
import type { Connector } from '../index.ts'
import { OperatorError } from '../operatorError.ts'
import { readPassphrase } from './keyFile.ts'
import { mqttConnector } from './mqttConnector.ts'
import { tlsSource } from './tlsFiles.ts'

export type BrokerAddress = {
  readonly url: string
  /** Absent at a gateway's own broker. */
  readonly login?: BrokerLoginConfig | undefined
  /** For mqtts://. */
  readonly tls?: TlsFilesConfig | undefined
}

/**
 * A connector to `url`. Without a user name in the configuration it is the caller's own.
 * @throws OperatorError when the address or the place of the password is wrong
 */
export async function brokerConnector(
  { url, login, tls }: BrokerAddress,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Connector> {
  const connector = await connectorTo(url, tls)
  if (login === undefined) return connector
  const { passwordFile: file, passwordEnv: env, passwordCredential: credential, username } = login
  const text = await readPassphrase({ file, env, credential }, environment)
  const password = new TextEncoder().encode(text)
  return (options) => connector({ ...options, username: username ?? options.username, password })
}

async function connectorTo(url: string, tls: TlsFilesConfig | undefined): Promise<Connector> {
  if (url.startsWith('mqtts:')) return mqttConnector(url, await tlsSource(tls ?? {}))
  if (tls === undefined) return mqttConnector(url)
  throw new OperatorError(`"${url}" would go without the certificates: write it as mqtts://`)
}
