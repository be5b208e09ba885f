/**
 * Statements and receipts in a snapshot: five fields at the end of its row, which older snapshots
 * lack in part.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import type { Statement } from '../../protocol/structures.ts'
import { fromWire, statementStructure, toWire } from '../../protocol/structures.ts'
import { ENTRY_BYTES_MAX } from './entries.ts'
import { decodeEvent, eventToWire, type Row } from './eventCodec.ts'
import type { IssuedState } from './receipts.ts'
import type { Statements, StatementUnderWay } from './statements.ts'
import { applyCosigned, applyStated, noStatements, packLeaves, unpackLeaves } from './statements.ts'

export function statementsToWire(statements: Statements): WireValue[] {
  return [
    packLeaves(statements.stated),
    [...statements.inForce.values()].map((one) => toWire(statementStructure, one)),
    [...statements.signedSequence].map(([name, sequence]) => [idOf(name), sequence]),
    // As the bytes of its event, as the outbox is.
    [...statements.underWay.values()].map((one) => [
      encodeCbor(eventToWire(statedEvent(one))),
      one.fleetSignature ?? null,
    ]),
  ]
}

const idOf = (name: string) => present(parseHex(name), 'an allocation is called by its id in hex')

function statedEvent({ statement, leaves }: StatementUnderWay) {
  return { kind: 'stated', statement, leaves: packLeaves(leaves) } as const
}

export function readStatements(row: Row): Statements {
  const statements = noStatements()
  if (row.isOver()) return statements
  for (const [channel, amount] of unpackLeaves(row.bytes())) statements.stated.set(channel, amount)
  for (const one of row.rows(readInForce)) {
    statements.inForce.set(bytesToHex(one.allocation), one)
  }
  const sequences = row.rows((one) => [bytesToHex(one.bytes()), one.integer()] as const)
  row.rows((one) => readUnderWay(one, statements))
  for (const [name, sequence] of sequences) statements.signedSequence.set(name, sequence)
  return statements
}

function readInForce(row: Row): Statement {
  return present(fromWire(statementStructure, row.whole()), 'a stored statement is whole')
}

function readUnderWay(row: Row, statements: Statements): void {
  const event = decodeEvent(row.bytes(), ENTRY_BYTES_MAX)
  assert(event.kind === 'stated', 'what is under way was stated')
  applyStated(statements, event.statement, event.leaves)
  const signature = row.optionalBytes()
  if (signature) applyCosigned(statements, event.statement.value.allocation, signature)
}

/** As the bytes of its event, or null before the first root. */
export function issuedToWire({ newest }: IssuedState): WireValue {
  return newest ? encodeCbor(eventToWire({ kind: 'receipted', ...newest })) : null
}

export function readIssued(row: Row): IssuedState {
  const bytes = row.isOver() ? undefined : row.optionalBytes()
  if (!bytes) return { newest: undefined }
  const event = decodeEvent(bytes, ENTRY_BYTES_MAX)
  assert(event.kind === 'receipted', 'what was issued are receipts')
  const { root, items, tariffs } = event
  return { newest: { root, items, tariffs } }
}
