/**
 * Scrubs a whole store that nobody has open: journal, snapshots, cold records, ledger, and that
 * they tell the same.
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatKey, outsideKey } from '../../ledger/embedded/layout.ts'
import { formatCodec } from '../../ledger/embedded/records.ts'
import { audit } from '../../ledger/embedded/reports.ts'
import { domainOfId } from '../../ledger/evm/domainId.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Disk, KeyValue, Ports } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { contractOfLedger, type Domain } from '../../protocol/typedData.ts'
import type { GatewaySettings } from '../config.ts'
import type { Head } from '../store/heads.ts'
import { META_PATH, readMeta } from '../store/meta.ts'
import type { JournalVerdict } from '../store/verifyJournal.ts'
import { verifyJournal } from '../store/verifyJournal.ts'
import { verifyPaid } from '../store/verifyPaid.ts'
import type { StateCheck } from '../store/verifyState.ts'
import { verifyCold, verifyFold } from '../store/verifyState.ts'
import { inStore, openDatabase, openStoreFolder } from './storeFolder.ts'
import type { StoreSeals } from './storeSeals.ts'
import { configuredStoreKey, openSeals } from './storeSeals.ts'

const everyKey = [new Uint8Array([0]), new Uint8Array(64).fill(0xff)] as const

export type Finding = { readonly part: string; readonly problem: string }

export type StoreVerdict = {
  readonly findings: readonly Finding[]
  readonly position: string
  readonly head: string
  readonly records: number
  readonly channels: number
  readonly values: number
}

type Opened = { readonly disk: Disk; readonly seals: StoreSeals; readonly genesis: Uint8Array }

/** @throws OperatorError when there is no store, or its key is not the configured one */
async function openFiles(settings: GatewaySettings, ports: Ports): Promise<Opened> {
  const { data } = settings
  if (!existsSync(join(data, META_PATH))) {
    throw new OperatorError(`there is no store in ${data}: check "data" of the configuration`)
  }
  const disk = await nodeDisk(data)
  try {
    const operatorKey = await configuredStoreKey(settings, process.env, ports.log)
    const seals = await openSeals(disk, operatorKey, ports.random)
    const meta = await readMeta(disk)
    return { disk, seals, genesis: fastSha256(meta?.storeId ?? new Uint8Array()) }
  } catch (error) {
    throw inStore(data, error)
  }
}

/** The journal's files alone, which can be read while a gateway writes. */
export async function verifyJournalFiles(
  settings: GatewaySettings,
  published: readonly Head[],
  ports: Ports,
  onSegment: (path: string, records: number) => void = () => {},
): Promise<JournalVerdict> {
  const { disk, seals, genesis } = await openFiles(settings, ports)
  const options = { genesis, seal: seals.journal, hash: fastSha256, published, onSegment }
  return verifyJournal(disk, options)
}

/**
 * Checks everything; `progress` gets a line for each part.
 * @throws OperatorError when the store is in use, is none, or its key is not the configured one
 */
export async function verifyStore(
  settings: GatewaySettings,
  ports: Ports,
  progress: (line: string) => void,
): Promise<StoreVerdict> {
  const opened = await openFiles(settings, ports)
  const { lock } = await openStoreFolder(settings.data)
  const closing: (() => Promise<void>)[] = [lock.release]
  try {
    const open = (name: 'cold' | 'ledger') => {
      const raw = openDatabase(join(settings.data, name), () => {})
      closing.unshift(raw.close)
      return opened.seals.database(name, raw)
    }
    return await verifyParts(opened, open('cold'), open('ledger'), progress)
  } finally {
    for (const close of closing) await close()
  }
}

async function verifyParts(
  { disk, seals, genesis }: Opened,
  cold: KeyValue,
  ledger: KeyValue,
  progress: (line: string) => void,
): Promise<StoreVerdict> {
  const findings: Finding[] = []
  const find = (part: string, problem: string) => {
    findings.push({ part, problem })
    progress(`${part}: ${problem}`)
  }
  const journal = await verifyJournal(disk, { genesis, seal: seals.journal, hash: fastSha256 })
  const { fault, head } = journal
  if (fault) find(fault.segment, faultText(fault))
  else progress(`journal: ${journal.records} records up to position ${head.position}`)
  const domain = domainOf(ledger)
  const check: StateCheck = { disk: seals.disk, cold, domain, genesis, seal: seals.journal, find }
  const values = guarded(find, () => countValues({ cold, ledger })) ?? 0
  progress(`databases: ${values} values`)
  const state = fault ? undefined : await verifyFold(check, journal.droppedTo, fastSha256)
  if (state) {
    progress(`snapshots: the state is the fold of the journal, ${state.hot.count()} channels`)
    guarded(find, () => verifyCold(check, state))
    progress('cold records: decoded and compared')
  }
  guarded(find, () => {
    for (const problem of audit(ledger)) find('ledger', problem)
  })
  // What a ledger outside has paid is not in the store.
  const isOutside = ledger.get(outsideKey) !== undefined
  if (state && !isOutside) guarded(find, () => verifyPaid(state, ledger, find))
  progress('ledger: every entry added up')
  return {
    findings,
    position: head.position.toString(),
    head: bytesToHex(head.hash),
    records: journal.records,
    channels: state?.hot.count() ?? 0,
    values,
  }
}

export function faultText({ offset, position, problem }: NonNullable<JournalVerdict['fault']>) {
  return `the record at byte ${offset}, position ${position}, ${problem}`
}

type Find = (part: string, problem: string) => void

/** What cannot even be read is a finding, and the rest is checked all the same. */
function guarded<T>(find: Find, act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    find('databases', error instanceof Error ? error.message : String(error))
    return undefined
  }
}

/** Reads every value, which in an encrypted store proves that none was altered. */
function countValues(databases: Readonly<Record<'cold' | 'ledger', KeyValue>>): number {
  let count = 0
  for (const database of Object.values(databases)) {
    for (const _ of database.range(...everyKey)) count += 1
  }
  return count
}

function domainOf(ledger: KeyValue): Domain {
  const bytes = ledger.get(formatKey)
  if (!bytes) {
    throw new OperatorError('the store has no ledger: restore the store from a backup')
  }
  const { ledgerId } = formatCodec.decode(bytes)
  const kind = ledger.get(outsideKey)
  if (kind && equalBytes(kind, utf8ToBytes('evm'))) return domainOfId(ledgerId)
  return { chainId: 0n, verifyingContract: contractOfLedger(ledgerId) }
}
