/**
 * An agent in the real world: its configuration file, its key, its folder, its network and lines.
 * @module
 */
import { join } from 'node:path'
import { brokerConnector, brokerWarnings } from '../../ports/io/brokerLogin.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import type { Agent } from '../agent.ts'
import { startAgent } from '../agent.ts'
import type { AgentConfig } from '../config.ts'
import { AGENT_PREFIX, agentSchema } from '../config.ts'
import { parseSource, sourceWarning } from '../meters/source.ts'
import { parseRecord, RECORD_FILE } from '../records.ts'
import { relayOpener } from '../relays/io/openRelay.ts'
import { askStatus, openControlSocket, SOCKET_FILE } from './controlSocket.ts'
import { openDeviceKey } from './deviceKey.ts'
import { stayLean } from './lean.ts'
import { openSerial } from './serial.ts'

type Environment = Readonly<Record<string, string | undefined>>

const STATUS_TIMEOUT_MS = 3_000

/**
 * The configuration of an agent.
 * @throws OperatorError, one line
 */
export function readAgentConfig(path: string, environment: Environment): Promise<AgentConfig> {
  return readConfigFile(path, AGENT_PREFIX, agentSchema, environment)
}

/** Lines about what works today and may not tomorrow. */
export function configWarnings({ meters }: AgentConfig): readonly string[] {
  return meters.flatMap(({ source }) => sourceWarning(parseSource(source)) ?? [])
}

/**
 * Starts the agent of a configuration, with its control socket.
 * @throws OperatorError when its key, its folder or its socket cannot be used
 */
export async function runAgent(
  config: AgentConfig,
  environment: Environment,
  version: string,
): Promise<Agent> {
  stayLean()
  const log = jsonLog(config.logLevel)
  const { signer, ownKey, rootSecret, warnings } = await openDeviceKey(config.key, environment)
  for (const line of [...warnings, ...configWarnings(config)]) log('warn', line)
  const connector = await brokerConnector(config.gateway, environment, ownKey)
  for (const line of await brokerWarnings(config.gateway, Date.now())) log('warn', line)
  const disk = await nodeDisk(config.stateDirectory)
  let agent: Agent | undefined
  const socket = await openControlSocket(join(config.stateDirectory, SOCKET_FILE), () =>
    agent?.status(),
  )
  const ports = nodePorts(log)
  agent = await startAgent(config, {
    ports,
    openRelay: relayOpener(ports, openSerial, environment),
    connector,
    openSerial,
    disk,
    signer,
    rootSecret,
    version,
  })
  const { status, close } = agent
  return {
    status,
    close: async () => {
      await close()
      await socket.close()
    },
  }
}

/** What an agent that does not run knew last of one meter; units are decimal strings. */
export type LastKnown = {
  readonly meter: string
  readonly atSeconds: number | null
  readonly units: string | null
  readonly unitsPaid: string | null
}

/** `running` tells whether the rest is from now, or from when the agent was last seen. */
export type FoundStatus =
  | { readonly running: true; readonly status: unknown }
  | { readonly running: false; readonly meters: readonly LastKnown[] }

/** The status of the agent on a state folder; undefined when none ever ran there. */
export async function findStatus(stateDirectory: string): Promise<FoundStatus | undefined> {
  const status = await askStatus(join(stateDirectory, SOCKET_FILE), STATUS_TIMEOUT_MS)
  if (status !== undefined) return { running: true, status }
  const bytes = await (await nodeDisk(stateDirectory)).read(RECORD_FILE)
  const record = bytes && parseRecord(new TextDecoder().decode(bytes))
  if (!record) return undefined
  const meters = [...record.meters].map(([meter, { seen }]) => ({
    meter,
    atSeconds: seen?.atSeconds ?? null,
    units: seen?.units?.toString() ?? null,
    unitsPaid: seen?.unitsPaid?.toString() ?? null,
  }))
  return { running: false, meters }
}
