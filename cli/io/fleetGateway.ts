/**
 * A fleet's configuration, key and gateway, for commands that ask or sign something once.
 * @module
 */
import { type Ask, withFleet } from '../../fleet/ask.ts'
import { askForSignature } from '../../fleet/command.ts'
import { fleetConfigSchema } from '../../fleet/config.ts'
import type { FleetIdentity } from '../../fleet/login.ts'
import { AnswerRefusedError } from '../../fleet/requests.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { fleetPrefix } from '../commands/fleetServe.ts'
import { RefusedError } from '../exitCodes.ts'
import { openSigner } from './keyFiles.ts'

export type FleetRequest = {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** What a Command for it reaches. */
  readonly scope: string
  readonly right: string
  readonly isPaged: boolean
}

/** Long enough to be carried to another terminal. */
const LIFE_SECONDS = 300

export async function openFleet(path: string, note: (line: string) => void) {
  const config = await readConfigFile(path, fleetPrefix, fleetConfigSchema, process.env)
  const { signerKey, ownKey } = await openSigner(config.key, note)
  const { fleet, gateway, ledger } = config
  const domain = { chainId: ledger.chainId, verifyingContract: ledger.contract }
  const identity: FleetIdentity = { fleet, signerKey, gateway, domain }
  return { config, identity, ownKey }
}

/** The fields of a request with its Command. The time in milliseconds is a nonce that rises. */
export function signNow(
  identity: FleetIdentity,
  { name, args, scope }: Pick<FleetRequest, 'name' | 'args' | 'scope'>,
  lifeSeconds = LIFE_SECONDS,
) {
  const nonce = Date.now()
  const nowSeconds = Math.floor(nonce / 1_000)
  return askForSignature(identity, { verb: name, scope, args, nonce, nowSeconds, lifeSeconds })
}

/** The answer to a request; of a paged one all rows. `note` gets a line for each page. */
export async function askGateway(
  path: string,
  request: FleetRequest,
  note: (line: string) => void,
): Promise<unknown> {
  const { config, identity, ownKey } = await openFleet(path, note)
  const connector = await brokerConnector(config.gateway, process.env, ownKey)
  const ports = nodePorts(jsonLog('warn'))
  const { name, args, right } = request
  const answer = withFleet(identity, connector, name, ports, async (ask) => {
    if (request.isPaged) return readPages(ask, request, note)
    const isSigned = right === 'command' && args['dry_run'] !== true
    return ask(name, isSigned ? await signNow(identity, request) : args)
  })
  return answer.catch((error: unknown) => {
    throw error instanceof AnswerRefusedError ? new RefusedError(error.message) : error
  })
}

type Page = { readonly next: number | null } & Readonly<Record<string, unknown>>

async function readPages(
  ask: Ask,
  { name, args }: FleetRequest,
  note: (line: string) => void,
): Promise<readonly unknown[]> {
  const rows: unknown[] = []
  let from: number | null = 0
  while (from !== null) {
    const { next, ...parts } = (await ask(name, { ...args, from })) as Page
    rows.push(...Object.values(parts).flat())
    if (next !== null) note(`${rows.length} read, asking for more`)
    from = next
  }
  return rows
}
