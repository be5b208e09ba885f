/**
 * A gateway on real ports: store, ledger, broker and control socket in one folder.
 * @module
 */
import { join } from 'node:path'
import { fastSha256, fastStepHash } from '../../ledger/io/fastSha256.ts'
import { fastVerify } from '../../ledger/io/fastVerify.ts'
import { openProver } from '../../ledger/io/openProver.ts'
import { createRememberingVerify } from '../../ledger/io/rememberingVerify.ts'
import type { Prover } from '../../ledger/rules/proofTasks.ts'
import type { Disk, Ports } from '../../ports/index.ts'
import { readKeyFile, readPassphrase } from '../../ports/io/keyFile.ts'
import type { OpenLineServer } from '../../ports/io/lineServer.ts'
import type { LogControl } from '../../ports/logAreas.ts'
import { type PrivateKey, publicKeyOf } from '../../protocol/keys.ts'
import { collectAll } from '../broker/io/heapTidy.ts'
import { createDerive } from '../broker/io/scrypt.ts'
import type { GatewaySettings } from '../config.ts'
import { toGatewayConfig } from '../config.ts'
import { openControlSocket } from '../control/io/controlSocket.ts'
import type { VerbCall } from '../control/verb.ts'
import type { ClientLink } from '../core.ts'
import type { Gateway } from '../gateway.ts'
import { startGateway } from '../gateway.ts'
import type { OpenHttp } from '../http/io/openHttp.ts'
import { portsOf, withLogVerbs } from '../logAreas.ts'
import type { LmdbStore } from '../store/io/lmdb.ts'
import { startLife } from '../store/meta.ts'
import { withTraceVerb } from '../trace.ts'
import type { BackupSource } from './backup.ts'
import { createDoor } from './clientDoor.ts'
import { openLedger } from './openLedger.ts'
import { inStore, openDatabase, openStoreFolder } from './storeFolder.ts'
import { configuredStoreKey, openSeals } from './storeSeals.ts'
import { withStoreVerbs } from './storeVerbs.ts'
import { keepCopy } from './upgradeCopy.ts'

export type OpenGateway = {
  readonly gateway: Gateway
  /** Ports of the listeners, in order. */
  readonly listening: readonly number[]
  /** Port of health and metrics, where they are served. */
  readonly httpPort: number | undefined
  /** Refuses new clients, acknowledges what is durable, settles, closes. */
  readonly close: () => Promise<void>
}

export const CONTROL_SOCKET = 'control.sock'

/**
 * What a snapshot was read from is given back at once: of a million channels 256 MB, which V8 would
 * keep until it needs the room.
 */
const MANY_CHANNELS = 65_536

/** A link that leads nowhere, for a store that is opened without clients. */
const noLink: ClientLink = {
  publish: () => {},
  offer: () => {},
  disconnect: () => {},
  disconnectReader: () => {},
}

type Opened = {
  readonly gateway: Gateway
  /** The verbs of the gateway and of its store. */
  readonly call: VerbCall
  readonly prove: Prover
  readonly disk: Disk
  readonly isUnconfirmed: () => boolean
  /** Ends what must not keep a gateway from stopping. */
  readonly stop: () => void
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
  logControl?: LogControl,
): Promise<OpenGateway> {
  const key = await readKey(settings, ports)
  const door = await createDoor(settings, portsOf(ports, 'broker'))
  const http = await openOwnHttp(settings, portsOf(ports, 'control'))
  const opened = await openStore(settings, ports, key, door.link, onFatal).catch(async (error) => {
    await http?.close()
    throw error
  })
  const { gateway } = opened
  let control: OpenLineServer | undefined
  try {
    const { disk, isUnconfirmed } = opened
    http?.attach({ core: gateway.core, disk, door: door.figures, isUnconfirmed })
    await door.prepare(gateway)
    const path = join(settings.data, CONTROL_SOCKET)
    const traced = withTraceVerb(opened.call, gateway.core)
    const call = withLogVerbs(traced, logControl)
    control = await openControlSocket(path, call, portsOf(ports, 'control').log)
    const listening = await door.open()
    const close = async () => {
      opened.stop()
      http?.retire()
      await control?.close()
      gateway.retire()
      await gateway.quiesce()
      await door.close()
      await opened.release()
      await http?.close()
    }
    return { gateway, listening, httpPort: http?.port, close }
  } catch (error) {
    await control?.close()
    await door.close()
    await opened.release()
    await http?.close()
    throw error
  }
}

/** Its library is loaded where it is configured, and nowhere else. */
async function openOwnHttp(settings: GatewaySettings, ports: Ports): Promise<OpenHttp | undefined> {
  if (!settings.http) return undefined
  const { openHttp } = await import('../http/io/openHttp.ts')
  return openHttp(settings.http, settings.gateway, ports)
}

/** The verbs of a gateway that is not running, and what its logic is made of. */
export async function openOffline(settings: GatewaySettings, ports: Ports) {
  const key = await readKey(settings, ports)
  const fatal = (error: unknown) => {
    throw error
  }
  const opened = await openStore(settings, ports, key, noLink, fatal)
  const { call, release, gateway, prove } = opened
  return { call, close: release, core: gateway.core, prove }
}

async function readKey(settings: GatewaySettings, ports: Ports): Promise<PrivateKey> {
  const { file, passphraseFile, passphraseEnv, passphraseCredential } = settings.key
  const source = { file: passphraseFile, env: passphraseEnv, credential: passphraseCredential }
  const { privateKey, warning } = await readKeyFile(file, await readPassphrase(source, process.env))
  if (warning !== undefined) ports.log('warn', warning)
  return privateKey
}

/** The seals of the store; a copy of it is kept where another release wrote it. */
async function openOwnSeals(settings: GatewaySettings, ports: Ports, folder: Disk) {
  const { log } = portsOf(ports, 'store')
  const storeKey = await configuredStoreKey(settings, process.env, log)
  const seals = await openSeals(folder, storeKey, ports.random)
  await keepCopy(settings.data, folder, log)
  return { seals, storeKey }
}

async function openStore(
  settings: GatewaySettings,
  ports: Ports,
  key: PrivateKey,
  link: ClientLink,
  onFatal: (error: unknown) => void,
): Promise<Opened> {
  const { disk: folder, lock } = await openStoreFolder(settings.data)
  try {
    const { seals, storeKey } = await openOwnSeals(settings, ports, folder)
    const { disk } = seals
    const { life, storeId } = await startLife(disk, ports.random, seals.newRing)
    // What a device showed is not verified a second time when it is settled.
    const memory = createRememberingVerify(fastVerify)
    const prover = openProver(memory)
    const books = openDatabase(join(settings.data, 'ledger'), onFatal)
    const { ledger, desk, close } = await openLedger({
      settings,
      ports: portsOf(ports, 'ledger'),
      books: seals.database('ledger', books),
      verify: memory.verify,
      prover: prover.prove,
      gatewayKey: publicKeyOf(key),
    })
    const cold = openDatabase(join(settings.data, 'cold'), onFatal)
    const store = seals.database('cold', cold)
    const gateway = await startGateway({
      ports: portsOf(ports, 'payments'),
      config: toGatewayConfig(settings),
      key,
      disk,
      seal: seals.journal,
      store,
      storeId,
      ledger,
      desk,
      verify: memory.verify,
      sha256: fastSha256,
      stepHash: fastStepHash,
      link,
      derive: createDerive(),
      life,
      onFatal,
    })
    if (gateway.core.state.hot.count() >= MANY_CHANNELS) collectAll()
    const stopping = { isStopping: false }
    const stop = () => {
      stopping.isStopping = true
    }
    const source = backupSource(settings, ports, gateway, { disk: folder, cold, books, stopping })
    const { journal } = gateway.core
    const more = { source, disk: folder, journal, seal: seals.journal, storeKey, ports }
    const { call, settled, isUnconfirmed } = await withStoreVerbs(gateway.call, more)
    const release = async () => {
      stop()
      await settled()
      await gateway.close()
      await store.close()
      await close()
      await prover.close()
      await lock.release()
    }
    return { gateway, call, prove: prover.prove, disk: folder, isUnconfirmed, stop, release }
  } catch (error) {
    await lock.release()
    throw inStore(settings.data, error)
  }
}

type BackupParts = {
  readonly disk: Disk
  readonly cold: LmdbStore
  readonly books: LmdbStore
  readonly stopping: { readonly isStopping: boolean }
}

function backupSource(
  { gateway }: GatewaySettings,
  ports: Ports,
  { core, withSnapshot }: Gateway,
  { disk, cold, books, stopping }: BackupParts,
): BackupSource {
  const { head } = core.journal
  const isStopping = () => stopping.isStopping
  return { gateway, disk, cold, ledger: books, head, withSnapshot, isStopping, ports }
}
