/**
 * A gateway on real ports: store, ledger, broker and control socket in one folder.
 * @module
 */
import { join } from 'node:path'
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { openEmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import type { Ports } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { readKeyFile, readPassphrase } from '../../ports/io/keyFile.ts'
import { mayAccess } from '../../protocol/access.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import type { Broker } from '../broker/broker.ts'
import { createBroker } from '../broker/io/embeddedBroker.ts'
import type { GatewaySettings } from '../config.ts'
import { toGatewayConfig } from '../config.ts'
import { openControlSocket } from '../control/io/controlSocket.ts'
import { scryptHasher } from '../control/io/passwords.ts'
import type { ClientLink } from '../core.ts'
import type { Gateway } from '../gateway.ts'
import { startGateway } from '../gateway.ts'
import { openLmdb } from '../store/io/lmdb.ts'
import { lockStore } from '../store/io/lock.ts'
import { startLife } from '../store/meta.ts'

export type OpenGateway = {
  readonly gateway: Gateway
  /** Ports of the listeners, in order. */
  readonly listening: readonly number[]
  /** Refuses new clients, acknowledges what is durable, settles, closes. */
  readonly close: () => Promise<void>
}

export const CONTROL_SOCKET = 'control.sock'

/** A link that leads nowhere, for a store that is opened without clients. */
const noLink: ClientLink = {
  publish: () => {},
  disconnect: () => {},
  disconnectReader: () => {},
}

type Opened = {
  readonly gateway: Gateway
  readonly ledger: EmbeddedLedger
  readonly release: () => Promise<void>
}

/**
 * Opens the store and the ledger in `settings.data`.
 * @throws OperatorError when the folder, the key, a port or the store does not allow it
 */
export async function openGateway(
  settings: GatewaySettings,
  ports: Ports,
  onFatal: (error: unknown) => void,
): Promise<OpenGateway> {
  const key = await readKey(settings, ports)
  let broker: Broker | undefined
  const link: ClientLink = {
    publish: (topic, payload, options) => broker?.publish(topic, payload, modeOf(topic, options)),
    disconnect: (sessionId, reason) => broker?.disconnect(sessionId, reason),
    disconnectReader: (fleet, name) => {
      for (const { id, identity } of broker?.sessions() ?? []) {
        const same = identity.kind === 'reader' && identity.fleet === fleet
        if (same && identity.name === name) broker?.disconnect(id, 'the credential was removed')
      }
    },
  }
  const opened = await openStore(settings, ports, key, link, onFatal)
  const { gateway } = opened
  try {
    const handlers = { ...gateway, mayAccess }
    const { messagesPerSecond, messagesBurst } = settings.limits
    broker = await createBroker({ ports, handlers, limits: { messagesPerSecond, messagesBurst } })
    const path = join(settings.data, CONTROL_SOCKET)
    const control = await openControlSocket(path, gateway.call, ports.log)
    const listening = await broker.listen(settings.listeners)
    return {
      gateway,
      listening,
      close: async () => {
        await control.close()
        await gateway.quiesce()
        await broker?.close()
        await opened.release()
      },
    }
  } catch (error) {
    await broker?.close()
    await opened.release()
    throw error
  }
}

/** A newer message on these topics says all that an older one said. */
function modeOf(topic: string, options: { readonly retain: boolean }) {
  return topic.endsWith('/down/supply') ? { ...options, replaces: topic } : options
}

/** The verbs of a gateway that is not running. */
export async function openOffline(settings: GatewaySettings, ports: Ports) {
  const key = await readKey(settings, ports)
  const fatal = (error: unknown) => {
    throw error
  }
  const opened = await openStore(settings, ports, key, noLink, fatal)
  return { call: opened.gateway.call, close: opened.release }
}

async function readKey(settings: GatewaySettings, ports: Ports): Promise<PrivateKey> {
  const { file, passphraseFile, passphraseEnv, passphraseCredential } = settings.key
  const source = { file: passphraseFile, env: passphraseEnv, credential: passphraseCredential }
  const { privateKey, warning } = await readKeyFile(file, await readPassphrase(source, process.env))
  if (warning !== undefined) ports.log('warn', warning)
  return privateKey
}

async function openStore(
  settings: GatewaySettings,
  ports: Ports,
  key: PrivateKey,
  link: ClientLink,
  onFatal: (error: unknown) => void,
): Promise<Opened> {
  const lock = await lockStore(settings.data)
  try {
    const disk = await nodeDisk(settings.data)
    const { life, storeId } = await startLife(disk, ports.random)
    const place = join(settings.data, 'ledger')
    const ledger = await openEmbeddedLedger({
      ...ports,
      store: openLmdb(place),
      place,
      verify: fastVerify,
      sha256: fastSha256,
    })
    const store = openLmdb(join(settings.data, 'cold'))
    const gateway = await startGateway({
      ports,
      config: toGatewayConfig(settings),
      key,
      disk,
      store,
      storeId,
      ledger,
      desk: ledger,
      verify: fastVerify,
      sha256: fastSha256,
      link,
      hasher: scryptHasher,
      life,
      onFatal,
    })
    const release = async () => {
      await gateway.close()
      await store.close()
      await ledger.close()
      await lock.release()
    }
    return { gateway, ledger, release }
  } catch (error) {
    await lock.release()
    throw error
  }
}
