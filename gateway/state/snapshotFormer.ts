/**
 * Former statements, leaves of lost channels and the fleet's signatures in a snapshot: three fields
 * at the end of its row, which older snapshots lack in part.
 * @module
 */
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import type { Signed, Statement } from '../../protocol/structures.ts'
import { signedFromWire, signedToWire, statementStructure } from '../../protocol/structures.ts'
import { ENTRY_BYTES_MAX } from './entries.ts'
import { decodeEvent, eventToWire, type Row } from './eventCodec.ts'
import type { FormerStatement, Statements } from './statements.ts'
import { packStrangers, unpackStrangers } from './statements.ts'

const nothing = new Uint8Array()

export function formerToWire({ cosigned, former, strangers }: Statements): WireValue[] {
  return [
    // As the bytes of an event: nested lists would be deeper than the CBOR profile allows.
    [...former.values()].flat().map((one) => [encodeCbor(eventToWire(restatedOf(one)))]),
    [...strangers].map(([name, leaves]) => [
      present(parseHex(name), 'an allocation is called by its id in hex'),
      packStrangers(leaves),
    ]),
    [...cosigned.values()].flat().map((one) => [encodeCbor(signedToWire(statementStructure, one))]),
  ]
}

function restatedOf({ statement, leaves }: FormerStatement) {
  const { allocation } = statement
  return { kind: 'restated', allocation, leaves, strangers: nothing, statement } as const
}

/** Adds what `formerToWire` wrote. */
export function readFormer(row: Row, { cosigned, former, strangers }: Statements): void {
  if (row.isOver()) return
  row.rows((one) => {
    const event = decodeEvent(one.bytes(), ENTRY_BYTES_MAX)
    const restated = event.kind === 'restated' ? event : undefined
    const statement = present(restated?.statement, 'what was in force has a statement')
    const name = bytesToHex(statement.allocation)
    const leaves = restated?.leaves ?? nothing
    former.set(name, [...(former.get(name) ?? []), { statement, leaves }])
  })
  row.rows((one) => strangers.set(bytesToHex(one.bytes()), unpackStrangers(one.bytes())))
  if (row.isOver()) return
  for (const one of row.rows(readCosigned)) {
    const name = bytesToHex(one.value.allocation)
    cosigned.set(name, [...(cosigned.get(name) ?? []), one])
  }
}

function readCosigned(row: Row): Signed<Statement> {
  const wire = present(decodeCbor(row.bytes()), 'what was co-signed is well formed')
  return present(signedFromWire(statementStructure, wire), 'a co-signed statement is whole')
}
