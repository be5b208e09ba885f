/**
 * Snapshots of the state, so that a restart replays only the journal's tail: one CBOR row for what
 * is small, then the hot columns as they are.
 * @module
 */

import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { ColdStore } from './cold.ts'
import { ENTRY_BYTES_MAX } from './entries.ts'
import { decodeEvent, eventToWire, Row } from './eventCodec.ts'
import { HOT_BYTES, hotChannels, isClosed, reservedAmount } from './hotChannels.ts'
import { noStarts, readStarts, startsToWire } from './mandateStarts.ts'
import { noOrders, ordersToWire, readOrders } from './orders.ts'
import { formerToWire, readFormer } from './snapshotFormer.ts'
import { issuedToWire, readIssued, readStatements, statementsToWire } from './snapshotStatements.ts'
import type { GatewayState } from './state.ts'
import { allocationOf } from './state.ts'
import { noStatements } from './statements.ts'

const SMALL_BYTES_MAX = 1 << 28

/** The state before the first entry of the journal. */
export function emptyState(domain: Domain, cold: ColdStore): GatewayState {
  return {
    domain,
    hot: hotChannels(),
    cold,
    fleets: new Map(),
    credentials: new Map(),
    allocations: [],
    lives: [],
    fencePosition: 0,
    fencedLives: new Set(),
    outbox: new Map(),
    quarantine: new Map(),
    statements: noStatements(),
    receipts: { newest: undefined },
    orders: noOrders(),
    mandateStarts: noStarts(),
    acceptedTicks: 0,
    settlements: 0,
    lastSettlementSeconds: 0,
    commitments: { opened: 0, renewals: 0, checkpoints: 0 },
  }
}

/**
 * The state as bytes. Before them in the same memory there are `roomBytes` more for whoever writes
 * them: at a million channels, each copy on the way to the disk would be 256 MB.
 */
export function encodeState(state: GatewayState, roomBytes = 0): Uint8Array {
  const { hot } = state
  const small = encodeCbor(smallToWire(state))
  const hotAt = roomBytes + 4 + small.length
  const memory = new Uint8Array(hotAt + HOT_BYTES * hot.count())
  new DataView(memory.buffer).setUint32(roomBytes, small.length)
  memory.set(small, roomBytes + 4)
  hot.serialiseInto(memory.subarray(hotAt))
  return memory.subarray(roomBytes)
}

function smallToWire(state: GatewayState): WireValue {
  const { opened, renewals, checkpoints } = state.commitments
  return [
    [...state.fleets].map(([name, one]) => [
      name,
      one.signerKey,
      one.ownerKey ?? null,
      one.allocation,
    ]),
    [...state.credentials].map(([name, record]) => [name, record]),
    state.allocations.map((use) => [use.id, use.nextPosition]),
    state.lives.map(({ life, position }) => [life, position]),
    state.fencePosition,
    [...state.fencedLives].map((life) => [present(parseHex(life), 'a life is hex')]),
    // As the bytes of its event: nested lists would be deeper than the CBOR profile allows.
    [...state.outbox.values()].map(({ key, items }) => [
      encodeCbor(eventToWire({ kind: 'submitted', key, items })),
    ]),
    [...state.quarantine].map(([channel, reason]) => [channel, reason]),
    state.acceptedTicks,
    state.settlements,
    state.lastSettlementSeconds,
    opened,
    renewals,
    checkpoints,
    ...statementsToWire(state.statements),
    issuedToWire(state.receipts),
    ...ordersToWire(state.orders),
    ...startsToWire(state.mandateStarts),
    ...formerToWire(state.statements),
  ]
}

/** Reads what `encodeState` wrote and counts again what follows from the columns. */
export function decodeState(domain: Domain, cold: ColdStore, bytes: Uint8Array): GatewayState {
  const smallBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const wire = decodeCbor(bytes.subarray(4, 4 + smallBytes), SMALL_BYTES_MAX)
  const row = new Row(present(wire, 'a snapshot is well formed'))
  const state: GatewayState = {
    domain,
    cold,
    hot: hotChannels(bytes.subarray(4 + smallBytes)),
    fleets: new Map(row.rows((one) => [one.text(), readFleet(one)])),
    credentials: new Map(row.rows((one) => [one.text(), one.text()])),
    allocations: row.rows(readAllocation).slice(),
    lives: row.rows((one) => ({ life: one.bytes(), position: one.integer() })).slice(),
    fencePosition: row.integer(),
    fencedLives: new Set(row.rows((one) => bytesToHex(one.bytes()))),
    outbox: new Map(row.rows(readOutstanding)),
    quarantine: new Map(row.rows((one) => [one.integer(), one.text()])),
    acceptedTicks: row.integer(),
    settlements: row.integer(),
    lastSettlementSeconds: row.integer(),
    commitments: {
      opened: row.integer(),
      renewals: row.integer(),
      checkpoints: row.integer(),
    },
    statements: readStatements(row),
    receipts: readIssued(row),
    orders: readOrders(row),
    mandateStarts: readStarts(row),
  }
  readFormer(row, state.statements)
  countReservations(state)
  return state
}

function readFleet(row: Row) {
  return { signerKey: row.bytes(), ownerKey: row.optionalBytes(), allocation: row.bytes() }
}

function readAllocation(row: Row) {
  return { id: row.bytes(), nextPosition: row.integer(), reserved: 0n, openChannels: 0 }
}

function readOutstanding(row: Row) {
  const event = decodeEvent(row.bytes(), ENTRY_BYTES_MAX)
  assert(event.kind === 'submitted', 'the outbox holds what was submitted')
  const { key, items } = event
  return [bytesToHex(key), { key, items }] as const
}

function countReservations(state: GatewayState): void {
  for (let channel = 0; channel < state.hot.count(); channel++) {
    const use = allocationOf(state, channel)
    use.reserved += reservedAmount(state.hot, channel)
    if (!isClosed(state.hot, channel)) use.openChannels += 1
  }
}
