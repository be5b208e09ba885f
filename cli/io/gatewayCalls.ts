/**
 * Finds a gateway: its control socket when it runs, its store when it does not.
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewaySettings } from '../../gateway/config.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { RefusedError, UnreachableError, UsageError } from '../exitCodes.ts'
import { type Calls, connectControl } from './controlClient.ts'

export type { Calls }

const usualConfig = 'gateway.yaml'
/** Prefix of the environment variables that override the gateway's configuration. */
export const gatewayPrefix = 'TICKPAY_GATEWAY'

type Place = { readonly config: string | undefined; readonly socket: string | undefined }

/**
 * The verbs of the gateway at `place`. `note` gets a line when its store is opened instead.
 * @throws OperatorError when neither can be used
 */
export async function openCalls(place: Place, note: (line: string) => void): Promise<Calls> {
  if (place.socket !== undefined) return mustConnect(place.socket, 'check the path')
  const path = configPath(place.config)
  const settings = await readGatewayConfig(path)
  const running = await connectControl(controlSocketOf(settings))
  if (running !== undefined) return running
  note(`no gateway is running on ${settings.data}, working on its store directly`)
  return openStore(settings)
}

/** The verbs on the store itself; what is refused there is refused as it is by a gateway. */
async function openStore(settings: GatewaySettings): Promise<Calls> {
  const { openOffline } = await import('../../gateway/io/openGateway.ts')
  const { call, close } = await openOffline(settings, nodePorts(jsonLog('warn')))
  return {
    call: async (verb, args) => {
      try {
        // As over the socket: what is undefined is not there.
        return await call(verb, JSON.parse(JSON.stringify(args)))
      } catch (error) {
        throw error instanceof OperatorError ? new RefusedError(error.message) : error
      }
    },
    close,
  }
}

/**
 * The verbs of the running gateway at `place`, and of nothing else.
 * @throws UnreachableError when none runs
 */
export async function openRunning(place: Place): Promise<Calls> {
  if (place.socket !== undefined) return mustConnect(place.socket, 'check the path')
  const path = configPath(place.config)
  const settings = await readGatewayConfig(path)
  return mustConnect(controlSocketOf(settings), `start it: tickpay gateway --config ${path}`)
}

async function mustConnect(socket: string, advice: string): Promise<Calls> {
  const calls = await connectControl(socket)
  if (calls !== undefined) return calls
  throw new UnreachableError(`no gateway answers at ${socket}; ${advice}`)
}

/** The socket through which a running gateway is reached. */
export function controlSocketOf(settings: Pick<GatewaySettings, 'data'>): string {
  return join(settings.data, 'control.sock')
}

export async function readGatewayConfig(path: string): Promise<GatewaySettings> {
  const { gatewayConfigSchema } = await import('../../gateway/config.ts')
  return readConfigFile(path, gatewayPrefix, gatewayConfigSchema, process.env)
}

/** The gateway's asset, from its configuration; undefined when only its socket is known. */
export async function assetAt(place: Place): Promise<GatewaySettings['asset'] | undefined> {
  if (place.socket !== undefined && place.config === undefined) return undefined
  return (await readGatewayConfig(configPath(place.config))).asset
}

/** The file that was named, or the usual one when it is there. */
export function configPath(named: string | undefined): string {
  if (named !== undefined) return named
  if (existsSync(usualConfig)) return usualConfig
  throw new UsageError(`which gateway? give --config FILE (there is no ${usualConfig} here)`)
}
