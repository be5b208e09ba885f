/**
 * The ledger of a gateway: is it there, and is it the one that was meant.
 * @module
 */
import * as v from 'valibot'
import type { GatewaySettings } from '../../gateway/config.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { readAnswer } from '../answers.ts'
import type { Calls } from '../io/controlClient.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import { lookAtSecret } from './machine.ts'

export const statusAnswer = v.object({
  broker: v.optional(v.object({ state: v.string(), reason: v.nullable(v.string()) })),
  ledgerSum: v.nullable(v.string()),
})

const blockSchema = v.object({ timestamp: v.string() })
const NODE_ANSWER_MS = 5_000
/** Chains make a block every few seconds. */
const BLOCK_AGE_SECONDS_MAX = 600

export async function lookAtLedger(
  settings: GatewaySettings,
  running: Calls | undefined,
): Promise<readonly Finding[]> {
  const kind = settings.ledger?.kind ?? 'embedded'
  if (running) {
    const { ledgerSum } = readAnswer(statusAnswer, await running.call('status', {}))
    if (ledgerSum === '0') return [ok('ledger', `${kind}: answers, and its accounts add up to 0`)]
    const advice = 'run "tickpay store verify" and keep a backup before anything else'
    if (ledgerSum !== null) return [fail('ledger', `its accounts come to ${ledgerSum}`, advice)]
    return [ok('ledger', `${kind}: answers`)]
  }
  if (settings.ledger?.kind === 'evm') return lookAtChain(settings.ledger)
  if (settings.ledger?.kind !== 'postgres') {
    return [ok('ledger', `${kind}: looked at when the gateway runs`)]
  }
  await openDatabase(settings.ledger)
  return [ok('ledger', 'postgres: answers, and is of this version')]
}

/** Keys that the ledger needs and nobody else may read. */
export async function lookAtLedgerFiles({ ledger }: GatewaySettings): Promise<readonly Finding[]> {
  return ledger?.kind === 'evm' ? lookAtSecret(ledger.keyFile) : []
}

type Postgres = Extract<NonNullable<GatewaySettings['ledger']>, { kind: 'postgres' }>

/** @throws OperatorError when it cannot be reached, or has another version */
async function openDatabase(settings: Postgres): Promise<void> {
  const [{ openPostgres }, { fastVerify, fastSha256 }, { nodePorts }] = await Promise.all([
    import('../../ledger/postgres/io/openPostgres.ts'),
    import('../../ledger/io/fastVerify.ts'),
    import('../../ports/io/node.ts'),
  ])
  const ports = nodePorts(() => {})
  const ledger = await openPostgres({ settings, ports, verify: fastVerify, sha256: fastSha256 })
  await ledger.close()
}

type Evm = Extract<NonNullable<GatewaySettings['ledger']>, { kind: 'evm' }>

/** Every node that is configured: it answers, it is not behind, and it knows the contract. */
export async function lookAtChain(settings: Evm): Promise<readonly Finding[]> {
  const { rpc, secondRpc } = settings
  const nodes = [['ledger', rpc] as const, ['second node', secondRpc] as const]
  const looks = nodes.map(([check, url]) =>
    url === undefined ? [] : lookAtNode(check, url, settings.contract),
  )
  return (await Promise.all(looks)).flat()
}

async function lookAtNode(
  check: string,
  url: string,
  contract: Uint8Array,
): Promise<readonly Finding[]> {
  const { openRpc } = await import('../../ledger/evm/io/viem.ts')
  const rpc = await openRpc(url, NODE_ANSWER_MS)
  // Paths of such addresses hold keys of services: only the host is told.
  const { host } = new URL(url)
  try {
    const chainId = BigInt(String(await rpc('eth_chainId', [])))
    const block = await rpc('eth_getBlockByNumber', ['latest', false])
    const code = await rpc('eth_getCode', [`0x${bytesToHex(contract)}`, 'latest'])
    return [nodeFinding(check, `the node at ${host} of chain ${chainId}`, block, code)]
  } catch {
    const advice = 'check ledger.rpc, the network and whether the service still knows you'
    return [fail(check, `evm: the node at ${host} does not answer as one`, advice)]
  }
}

function nodeFinding(check: string, node: string, block: unknown, code: unknown): Finding {
  if (typeof code !== 'string' || code === '0x') {
    const advice = 'check ledger.contract, and whether the node is of the chain that was meant'
    return fail(check, `evm: ${node} has no contract at that address`, advice)
  }
  const { timestamp } = v.parse(blockSchema, block)
  const ageSeconds = Math.round(Date.now() / 1_000 - Number(BigInt(timestamp)))
  if (ageSeconds > BLOCK_AGE_SECONDS_MAX) {
    const advice = 'wait until it has caught up, or use another; settlements wait as well'
    return warn(check, `evm: ${node} is behind, its newest block is ${ageSeconds} s old`, advice)
  }
  return ok(check, `evm: ${node} answers and has the contract`)
}
