/**
 * Statements as the gateway's journal knows them: the one in force for each allocation, the one
 * that waits for the fleet or the ledger, and what they say of each channel.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import type { StatementLeaf } from '../../protocol/merkle.ts'
import type { Signed, Statement } from '../../protocol/structures.ts'
import { statementStructure, toWire } from '../../protocol/structures.ts'

/** Signed by the gateway; nothing else is settled for the allocation until it has ended. */
export type StatementUnderWay = {
  readonly statement: Signed<Statement>
  /** Channels whose leaf differs from the one in force, with the new amount. */
  readonly leaves: ReadonlyMap<number, bigint>
  readonly fleetSignature: Uint8Array | undefined
}

/** What came of a statement. */
export const statementOutcomes = ['paid', 'refused', 'expired'] as const
export type StatementOutcome = (typeof statementOutcomes)[number]

export type Statements = {
  /** Leaf of each channel in the statement in force; a channel without one has none. */
  readonly stated: Map<number, bigint>
  /** Statement in force, by allocation in hex. */
  readonly inForce: Map<string, Statement>
  /** Highest sequence ever signed, by allocation in hex. */
  readonly signedSequence: Map<string, number>
  readonly underWay: Map<string, StatementUnderWay>
  /** Leaves in force of channels that this store has lost, by allocation in hex. */
  readonly strangers: Map<string, readonly StatementLeaf[]>
  /** The last statements that were in force, oldest first, by allocation in hex. */
  readonly former: Map<string, readonly FormerStatement[]>
  /** The last statements that were in force with the fleet's signature, in the same order. */
  readonly cosigned: Map<string, readonly Signed<Statement>[]>
}

export type FormerStatement = {
  readonly statement: Statement
  /** All leaves of channels that this store knows, packed. */
  readonly leaves: Uint8Array
}

/** As many as follow each other within the 64 blocks that a chain may rearrange, and more. */
export const FORMER_STATEMENTS_MAX = 4
/** 12 bytes each, four times; a larger allocation asks the fleet again. */
export const FORMER_LEAVES_MAX = 65_536

export function noStatements(): Statements {
  return {
    stated: new Map(),
    inForce: new Map(),
    signedSequence: new Map(),
    underWay: new Map(),
    strangers: new Map(),
    former: new Map(),
    cosigned: new Map(),
  }
}

const LEAF_BYTES = 12

/** be32 channel | be64 amount, one after the other. */
export function packLeaves(leaves: ReadonlyMap<number, bigint>): Uint8Array {
  const bytes = new Uint8Array(leaves.size * LEAF_BYTES)
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const [channel, amount] of leaves) {
    view.setUint32(offset, channel)
    view.setBigUint64(offset + 4, amount)
    offset += LEAF_BYTES
  }
  return bytes
}

export function unpackLeaves(bytes: Uint8Array): Map<number, bigint> {
  assert(bytes.length % LEAF_BYTES === 0, 'journaled leaves are whole')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const leaves = new Map<number, bigint>()
  for (let offset = 0; offset < bytes.length; offset += LEAF_BYTES) {
    leaves.set(view.getUint32(offset), view.getBigUint64(offset + 4))
  }
  return leaves
}

const STRANGER_BYTES = 44

/** be32 position | channelId | be64 amount, one after the other. */
export function packStrangers(leaves: readonly StatementLeaf[]): Uint8Array {
  const bytes = new Uint8Array(leaves.length * STRANGER_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [place, { position, channelId, amount }] of leaves.entries()) {
    const offset = place * STRANGER_BYTES
    view.setUint32(offset, position)
    bytes.set(channelId, offset + 4)
    view.setBigUint64(offset + 36, amount)
  }
  return bytes
}

export function unpackStrangers(bytes: Uint8Array): StatementLeaf[] {
  assert(bytes.length % STRANGER_BYTES === 0, 'journaled leaves are whole')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const leaves: StatementLeaf[] = []
  for (let offset = 0; offset < bytes.length; offset += STRANGER_BYTES) {
    leaves.push({
      position: view.getUint32(offset),
      channelId: bytes.slice(offset + 4, offset + 36),
      amount: view.getBigUint64(offset + 36),
    })
  }
  return leaves
}

export function applyStated(
  statements: Statements,
  statement: Signed<Statement>,
  leaves: Uint8Array,
): void {
  const name = bytesToHex(statement.value.allocation)
  statements.signedSequence.set(name, statement.value.sequence)
  const one = { statement, leaves: unpackLeaves(leaves), fleetSignature: undefined }
  statements.underWay.set(name, one)
}

export function applyCosigned(
  { underWay }: Statements,
  allocation: Uint8Array,
  fleetSignature: Uint8Array,
): void {
  const name = bytesToHex(allocation)
  const one = present(underWay.get(name), 'only a statement under way is co-signed')
  underWay.set(name, { ...one, fleetSignature })
}

/** Ends the statement under way; answers it when it is in force from now on. */
export function applyStatementEnded(
  statements: Statements,
  allocation: Uint8Array,
  outcome: StatementOutcome,
): StatementUnderWay | undefined {
  const name = bytesToHex(allocation)
  const one = present(statements.underWay.get(name), 'only a statement under way ends')
  statements.underWay.delete(name)
  if (outcome !== 'paid') return undefined
  statements.inForce.set(name, one.statement.value)
  rememberCosigned(statements, name, one)
  for (const [channel, amount] of one.leaves) statements.stated.set(channel, amount)
  return one
}

function rememberCosigned(
  { cosigned }: Statements,
  name: string,
  { statement: { value }, fleetSignature: signature }: StatementUnderWay,
): void {
  if (!signature) return
  const next = [...(cosigned.get(name) ?? []), { value, signature }]
  cosigned.set(name, next.slice(-FORMER_STATEMENTS_MAX))
}

/** The fleet's signature of this very statement, where the journal had it. */
export function cosignatureOf({ cosigned }: Statements, one: Statement): Uint8Array | undefined {
  const bytesOf = (value: Statement) => encodeCbor(toWire(statementStructure, value))
  const bytes = bytesOf(one)
  const known = cosigned.get(bytesToHex(one.allocation)) ?? []
  return known.findLast(({ value }) => equalBytes(bytesOf(value), bytes))?.signature
}
