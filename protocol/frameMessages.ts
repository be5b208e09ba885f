/**
 * Messages of the firmware link inside the frames of frame.ts: fixed layouts, big-endian.
 * docs/firmware-link.md is normative.
 * @module
 */
import { concatBytes } from './bytes.ts'
import { encodeFrame, frameHeaderBytes } from './frame.ts'

export const firmwareLinkVersion = 1

/** A device opens its relay this long after the last valid frame from its host. */
export const hostSilenceMs = 5_000

const typeQuery = 0x01
const typeSupplyOn = 0x02
const typeSupplyOff = 0x03
const typeStatus = 0x81
const statusBodyBytes = 44

/** Units a device can count in, by their number on the wire. */
const unitByCode = { 1: 'Wh', 2: 'mL', 3: 's', 4: 'kB' } as const

export type LinkUnit = (typeof unitByCode)[keyof typeof unitByCode]

/** What the host asks; each is answered with one status. `sequence` is 0..65535. */
export type HostMessage = { readonly sequence: number } & (
  | { readonly kind: 'query' }
  | { readonly kind: 'supply_off' }
  /** Relay closed until the counter reaches `untilRegister` (modulo the counter's width). */
  | { readonly kind: 'supply_on'; readonly untilRegister: bigint }
)

/** Remarks of a device about itself. */
export type StatusFlags = {
  /** The counter started at 0 at this boot because no saved value was found. */
  readonly counterLost: boolean
  /** Something flows, and no pulses arrive. */
  readonly pulsesStuck: boolean
  /** The relay does not do what it is told. */
  readonly relayFailed: boolean
  /** Something flows. */
  readonly flowing: boolean
}

/** What a device answers. */
export type Status = StatusFlags & {
  /** Sequence of the host frame that this answers. */
  readonly sequence: number
  /** Never changes and differs between devices, for example the processor's own number. */
  readonly deviceId: bigint
  /** Drawn at each boot. */
  readonly bootId: number
  readonly uptimeMs: bigint
  /** Base units counted, modulo 2^counterBits. */
  readonly counter: bigint
  /** Limit in force, 0 when supply is off. */
  readonly relayLimit: bigint
  readonly counterBits: 32 | 64
  readonly unit: LinkUnit
  readonly relayClosed: boolean
}

/** The frame for `message`, delimiters included. */
export function encodeHostMessage(message: HostMessage): Uint8Array {
  switch (message.kind) {
    case 'query':
      return encodeFrame(header(typeQuery, message.sequence))
    case 'supply_off':
      return encodeFrame(header(typeSupplyOff, message.sequence))
    case 'supply_on': {
      const limit = new Uint8Array(8)
      new DataView(limit.buffer).setBigUint64(0, message.untilRegister)
      return encodeFrame(concatBytes(header(typeSupplyOn, message.sequence), limit))
    }
  }
}

/** A body from the frame decoder as a host message; undefined when it is none. */
export function decodeHostMessage(body: Uint8Array): HostMessage | undefined {
  const view = viewOf(body)
  if (body.length < frameHeaderBytes || view.getUint8(0) !== firmwareLinkVersion) return undefined
  const type = view.getUint8(1)
  const sequence = view.getUint16(2)
  if (type === typeQuery && body.length === frameHeaderBytes) return { kind: 'query', sequence }
  if (type === typeSupplyOff && body.length === frameHeaderBytes) {
    return { kind: 'supply_off', sequence }
  }
  if (type === typeSupplyOn && body.length === frameHeaderBytes + 8) {
    return { kind: 'supply_on', sequence, untilRegister: view.getBigUint64(4) }
  }
  return undefined
}

/** The frame for `status`, delimiters included. */
export function encodeStatus(status: Status): Uint8Array {
  const body = new Uint8Array(statusBodyBytes)
  const view = new DataView(body.buffer)
  body.set(header(typeStatus, status.sequence))
  view.setBigUint64(4, status.deviceId)
  view.setUint32(12, status.bootId)
  view.setBigUint64(16, status.uptimeMs)
  view.setBigUint64(24, status.counter)
  view.setBigUint64(32, status.relayLimit)
  view.setUint8(40, status.counterBits)
  view.setUint8(41, unitCode(status.unit))
  view.setUint8(42, status.relayClosed ? 1 : 0)
  view.setUint8(43, flagBits(status))
  return encodeFrame(body)
}

/** A body from the frame decoder as a status; undefined when it is none. */
export function decodeStatus(body: Uint8Array): Status | undefined {
  const view = viewOf(body)
  if (body.length !== statusBodyBytes) return undefined
  if (view.getUint8(0) !== firmwareLinkVersion || view.getUint8(1) !== typeStatus) return undefined
  const counterBits = view.getUint8(40)
  const unit = unitOfCode(view.getUint8(41))
  const relay = view.getUint8(42)
  const bits = view.getUint8(43)
  const counter = view.getBigUint64(24)
  if ((counterBits !== 32 && counterBits !== 64) || unit === undefined || relay > 1)
    return undefined
  if (bits > 15 || counter >> BigInt(counterBits) !== 0n) return undefined
  return {
    sequence: view.getUint16(2),
    deviceId: view.getBigUint64(4),
    bootId: view.getUint32(12),
    uptimeMs: view.getBigUint64(16),
    counter,
    relayLimit: view.getBigUint64(32),
    counterBits,
    unit,
    relayClosed: relay === 1,
    counterLost: (bits & 1) !== 0,
    pulsesStuck: (bits & 2) !== 0,
    relayFailed: (bits & 4) !== 0,
    flowing: (bits & 8) !== 0,
  }
}

function header(type: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, firmwareLinkVersion)
  view.setUint8(1, type)
  view.setUint16(2, sequence)
  return bytes
}

function flagBits(flags: StatusFlags): number {
  return (
    (flags.counterLost ? 1 : 0) |
    (flags.pulsesStuck ? 2 : 0) |
    (flags.relayFailed ? 4 : 0) |
    (flags.flowing ? 8 : 0)
  )
}

function unitCode(unit: LinkUnit): number {
  const found = Object.entries(unitByCode).find(([, name]) => name === unit)
  return Number(found?.[0])
}

function unitOfCode(code: number): LinkUnit | undefined {
  return (unitByCode as Readonly<Record<number, LinkUnit>>)[code]
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
