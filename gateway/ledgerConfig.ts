/**
 * Which ledger a gateway settles with.
 * @module
 */
import * as v from 'valibot'
import { postgresValue } from '../ledger/postgres/config.ts'

const embeddedValue = v.strictObject({ kind: v.literal('embedded') })

/** docs/ledgers.md */
export const ledgerValue = v.variant(
  'kind',
  [embeddedValue, postgresValue],
  'a ledger of kind embedded or postgres',
)
