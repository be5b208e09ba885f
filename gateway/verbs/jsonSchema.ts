/**
 * The arguments of a verb as a JSON schema (draft 2020-12), from the same table that judges them.
 * @module
 */
import type * as v from 'valibot'
import { present } from '../../protocol/assert.ts'
import { argumentTexts, type FleetVerb } from './table.ts'

type Json = Readonly<Record<string, unknown>>

/** What the kinds of schema that the table uses have beside their type. */
type Schema = v.GenericSchema & {
  readonly wrapped?: Schema
  readonly item?: Schema
  readonly items?: readonly Schema[]
  readonly options?: readonly unknown[]
  readonly literal?: unknown
}

const decimal = { type: ['string', 'integer'], pattern: '^(0|[1-9][0-9]{0,19})$' }

const makers: Readonly<Record<string, (schema: Schema) => Json>> = {
  string: () => ({ type: 'string' }),
  number: () => ({ type: 'integer', minimum: 0 }),
  boolean: () => ({ type: 'boolean' }),
  literal: ({ literal }) => ({ const: literal }),
  picklist: ({ options }) => ({ enum: options }),
  /** Amounts and units. */
  union: () => decimal,
  array: ({ item }) => ({ type: 'array', items: schemaOf(present(item, 'items of a list')) }),
  tuple: ({ items = [] }) => ({ type: 'array', prefixItems: items.map(schemaOf) }),
  optional: ({ wrapped }) => schemaOf(present(wrapped, 'what is optional')),
  nullable: ({ wrapped }) => ({
    anyOf: [schemaOf(present(wrapped, 'what may be null')), { type: 'null' }],
  }),
}

function schemaOf(schema: Schema): Json {
  return present(makers[schema.type], `a JSON schema for ${schema.type}`)(schema)
}

/** `name` is that of the verb. */
export function verbJsonSchema(name: string, { about, entries }: FleetVerb): Json {
  const all = Object.entries(entries) as readonly (readonly [string, Schema])[]
  const described = all.map(([key, schema]) => {
    const text = argumentTexts[key]?.[1]
    return [key, { ...schemaOf(schema), ...(text ? { description: text } : {}) }] as const
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: name,
    description: about,
    type: 'object',
    properties: Object.fromEntries(described),
    required: all.filter(([, { type }]) => type !== 'optional').map(([key]) => key),
    additionalProperties: false,
  }
}
