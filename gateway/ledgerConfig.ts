/**
 * Which ledger a gateway settles with.
 * @module
 */
import * as v from 'valibot'
import { evmValue } from '../ledger/evm/config.ts'
import { postgresValue } from '../ledger/postgres/config.ts'

const embeddedValue = v.strictObject({ kind: v.literal('embedded') })

/** docs/ledgers.md */
export const ledgerValue = v.variant(
  'kind',
  [embeddedValue, postgresValue, evmValue],
  'a ledger of kind embedded, postgres or evm',
)
