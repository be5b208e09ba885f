/**
 * The ledgers that a demo can settle with. A server that one needs is started for the demo.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { startDemoChain } from '../io/demoChain.ts'
import { startPostgres } from '../io/postgresServer.ts'

/** What a demo's gateway is told of its ledger, and how its server ends. */
export type DemoLedger = {
  /** For people. */
  readonly name: string
  /** `ledger:` of gateway.yaml; undefined for the default. */
  readonly settings: object | undefined
  /** Who is paid; undefined for the demo's own operator. */
  readonly payee?: string
  readonly stop: () => Promise<void>
}

type StartLedger = () => Promise<DemoLedger>

const starts: Readonly<Record<string, StartLedger>> = {
  embedded: async () => ({ name: 'embedded', settings: undefined, stop: async () => {} }),
  postgres: async () => {
    const { host, port, user, version, stop } = await startPostgres()
    const settings = { kind: 'postgres', host, port, user, database: 'postgres' }
    return { name: version, settings, stop }
  },
  evm: async () => {
    const { settings, payee, stop } = await startDemoChain()
    return { name: 'an escrow contract on anvil', settings, payee, stop }
  },
}

export const demoLedgers = Object.keys(starts)

/** @throws OperatorError when its server cannot be started on this machine */
export async function startDemoLedger(kind: string): Promise<DemoLedger> {
  const start = starts[kind] ?? starts['embedded']
  if (!start) throw new Error(`no ledger ${kind}`)
  return start()
}

/** Adds the ledger to the gateway.yaml in `folder`. */
export async function configureLedger(folder: string, ledger: DemoLedger): Promise<void> {
  if (ledger.settings === undefined) return
  const path = join(folder, 'gateway.yaml')
  const { payee, settings } = ledger
  const written = parse(await readFile(path, 'utf8'))
  const changed = { ...written, ...(payee === undefined ? {} : { payee }), ledger: settings }
  await writeFile(path, stringify(changed))
}
