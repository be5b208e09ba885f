/**
 * All versions of the schema, in order. A version that was released never changes.
 * @module
 */
import { desk } from './desk.ts'
import { guards } from './guards.ts'
import { payments } from './payments.ts'
import { roles } from './roles.ts'
import { tables } from './tables.ts'

export type Migration = { readonly number: number; readonly name: string; readonly sql: string }

export const migrations: readonly Migration[] = [
  {
    number: 1,
    name: 'accounts, allocations, channels, statements and who may change them',
    sql: [tables, guards, payments, desk, roles].join('\n'),
  },
]

export const SCHEMA_VERSION = migrations.length
