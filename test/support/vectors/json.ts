/**
 * How values stand in the vector files: bytes as hex, 64-bit integers as decimal strings, what is
 * absent as null, one case per line.
 * @module
 */
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import type { FieldValue, StructureType } from '../../../protocol/typedData.ts'

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json }

/** Any plain value of the program as JSON. */
export function toJson(value: unknown): Json {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toJson(one)]))
  }
  return value as string | number | boolean
}

/** The fields of a structure by their types: every uint64 is a string, also seconds and counts. */
export function fieldsToJson(
  type: StructureType,
  value: Readonly<Record<string, FieldValue>>,
): Json {
  return Object.fromEntries(
    type.fields.map((field) => {
      const wide = field.type === 'uint64' || field.type === 'uint256'
      return [field.name, wide ? String(value[field.name]) : toJson(value[field.name])]
    }),
  )
}

/** A CBOR value with its types spelled out. */
export function wireToJson(value: WireValue): Json {
  if (typeof value === 'number' || typeof value === 'bigint') return { uint: value.toString() }
  if (typeof value === 'string') return { text: value }
  if (value instanceof Uint8Array) return { bytes: bytesToHex(value) }
  if (Array.isArray(value)) return { array: value.map(wireToJson) }
  return { simple: String(value) }
}

/** The text of a vector file. */
export function formatFile(file: Readonly<Record<string, Json>>): string {
  const parts = Object.entries(file).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${part(value)}`,
  )
  return `{\n${parts.join(',\n')}\n}\n`
}

function part(value: Json): string {
  if (Array.isArray(value)) {
    return `[\n${value.map((one) => `    ${JSON.stringify(one)}`).join(',\n')}\n  ]`
  }
  if (typeof value === 'object' && value !== null) {
    const lines = Object.entries(value).map(
      ([k, v]) => `    ${JSON.stringify(k)}: ${JSON.stringify(v)}`,
    )
    return `{\n${lines.join(',\n')}\n  }`
  }
  return JSON.stringify(value)
}
