/**
 * The ledger that a gateway is configured for, and its operator's desk.
 * @module
 */
import { join } from 'node:path'
import { openEmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { formatKey, LEDGER_FORMAT, outsideKey } from '../../ledger/embedded/layout.ts'
import { formatCodec } from '../../ledger/embedded/records.ts'
import type { EvmSettings } from '../../ledger/evm/config.ts'
import { idOfDomain } from '../../ledger/evm/domainId.ts'
import { fastSha256 } from '../../ledger/io/fastSha256.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { PostgresSettings } from '../../ledger/postgres/config.ts'
import type { Prover } from '../../ledger/rules/proofTasks.ts'
import type { KeyValue, Ports } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import type { GatewaySettings } from '../config.ts'
import type { LedgerDesk } from '../control/ledgerDesk.ts'

export type OpenLedger = {
  readonly ledger: Ledger
  readonly desk: LedgerDesk
  readonly close: () => Promise<void>
}

export type OpenLedgerOptions = {
  readonly settings: GatewaySettings
  readonly ports: Ports
  /** The store's own database for a ledger: the embedded one keeps its books there. */
  readonly books: KeyValue
  readonly verify: Verify
  readonly prover: Prover
  /** Signs the gateway's statements. */
  readonly gatewayKey: PublicKey
}

/** @throws OperatorError when it cannot be opened, or the store was used with another kind */
export async function openLedger(options: OpenLedgerOptions): Promise<OpenLedger> {
  const { settings, books } = options
  const configured = settings.ledger ?? { kind: 'embedded' }
  const kept = books.get(outsideKey)
  const isUsed = books.get(formatKey) !== undefined
  if (isUsed && (configured.kind === 'embedded') !== (kept === undefined)) {
    const other = kept ? 'a ledger outside' : 'its own ledger'
    throw new OperatorError(
      `the store in ${settings.data} was used with ${other}, not with one of kind ` +
        `${configured.kind}: set "ledger" as it was, or name another folder`,
    )
  }
  if (configured.kind === 'postgres') return openOutside(configured, options)
  if (configured.kind === 'evm') return openContract(configured, options)
  const ledger = await openEmbeddedLedger({
    ...options.ports,
    store: books,
    place: join(settings.data, 'ledger'),
    verify: options.verify,
    prover: options.prover,
    sha256: fastSha256,
  })
  return { ledger, desk: ledger, close: ledger.close }
}

async function openOutside(
  settings: PostgresSettings,
  { ports, books, verify, prover }: OpenLedgerOptions,
): Promise<OpenLedger> {
  const { openPostgres } = await import('../../ledger/postgres/io/openPostgres.ts')
  const ledger = await openPostgres({ settings, ports, verify, prover, sha256: fastSha256 })
  // A backup of the store tells by it which ledger its signatures are for.
  const format = formatCodec.encode({ format: LEDGER_FORMAT, ledgerId: ledger.ledgerId })
  await books.write([
    [formatKey, format],
    [outsideKey, utf8ToBytes(settings.kind)],
  ])
  const desk: LedgerDesk = {
    ...ledger,
    channelsPaid: lastPosition(ledger),
  }
  const close = async () => {
    await ledger.close()
    await books.close()
  }
  return { ledger, desk, close }
}

/** Of the positions that a ledger outside has paid, the last; it is all that has to be known. */
function lastPosition(ledger: {
  readonly firstPosition: (allocation: Uint8Array) => number
}): LedgerDesk['channelsPaid'] {
  return (allocation) => {
    const first = ledger.firstPosition(allocation)
    return first > 0 ? [{ position: first - 1 }] : []
  }
}

async function openContract(
  configured: EvmSettings,
  { settings, ports, books, verify, gatewayKey }: OpenLedgerOptions,
): Promise<OpenLedger> {
  const { openEvm } = await import('../../ledger/evm/io/openEvm.ts')
  const { payee } = settings
  const options = { settings: configured, ports, payee, gatewayKey, verify, sha256: fastSha256 }
  const { ledger, desk, close } = await openEvm(options)
  const ledgerId = idOfDomain(ledger.domain)
  const kept = books.get(formatKey)
  if (kept && !equalBytes(formatCodec.decode(kept).ledgerId, ledgerId)) {
    throw new OperatorError(
      `the store in ${settings.data} was used with another contract or chain: set "ledger" as it ` +
        'was, or name another folder',
    )
  }
  await books.write([
    [formatKey, formatCodec.encode({ format: LEDGER_FORMAT, ledgerId })],
    [outsideKey, utf8ToBytes(configured.kind)],
  ])
  const closeAll = async () => {
    close()
    await books.close()
  }
  return { ledger, desk: { ...desk, channelsPaid: lastPosition(ledger) }, close: closeAll }
}
