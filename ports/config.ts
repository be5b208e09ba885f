/**
 * Configuration: YAML text, overridden by environment variables whose names follow from the
 * schema (`TICKPAY_AGENT__GATEWAY__URL` is `gateway.url`), checked, and every mistake told in one
 * line that names the key, its value and what is allowed.
 * @module
 */
import * as v from 'valibot'
import { parse, YAMLParseError } from 'yaml'
import { OperatorError } from './operatorError.ts'

export type ConfigSource = {
  /** YAML; empty when everything comes from the environment. */
  readonly text: string
  /** What messages call it, such as `agent.yaml`. */
  readonly origin: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Such as `TICKPAY_AGENT`. */
  readonly prefix: string
}

export type ConfigSchema = v.GenericSchema<unknown, unknown>

const TEXT_CHARS_MAX = 1 << 20
const SHOWN_CHARS_MAX = 60
/** Its warnings would be lines beside the one line that a mistake gets. */
const yamlOptions = { maxAliasCount: 100, prettyErrors: true, logLevel: 'error' } as const
/** An environment variable cannot make a list longer than this. */
const LIST_LENGTH_MAX = 256

/**
 * Reads and checks a configuration.
 * @throws OperatorError, one line
 */
export function parseConfig<const S extends ConfigSchema>(
  source: ConfigSource,
  schema: S,
): v.InferOutput<S> {
  const fromText = parseText(source)
  const { value, names } = withEnvironment(fromText, source, schema)
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [first, ...others] = result.issues
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  throw new OperatorError(`${describeIssue(first, source, schema, names)}${more}`)
}

function parseText({ text, origin }: ConfigSource): unknown {
  if (text.length > TEXT_CHARS_MAX) throw new OperatorError(`${origin}: longer than 1 MiB`)
  try {
    return parse(text, yamlOptions) ?? {}
  } catch (error) {
    const line = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    const at = error instanceof YAMLParseError ? error.linePos?.[0] : undefined
    const place = at ? `:${at.line}:${at.col}` : ''
    throw new OperatorError(`${origin}${place}: not valid YAML: ${line.replace(/:$/, '')}`)
  }
}

/** The parts of a valibot schema that matter for names. */
type Shape = {
  readonly type: string
  readonly expects: string
  readonly message?: unknown
  readonly entries?: Readonly<Record<string, Shape>>
  readonly item?: Shape
  readonly value?: Shape
  readonly wrapped?: Shape
  readonly options?: readonly unknown[]
}

function unwrap(shape: Shape): Shape {
  let inner = shape
  while (inner.wrapped) inner = inner.wrapped
  return inner
}

/** `stateDirectory` is `STATE_DIRECTORY` in the environment. */
export function environmentNameOf(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
}

type Tree = { [key: string]: unknown } | unknown[]

/** `names` maps a path to the variable it came from, so that a message can name it. */
function withEnvironment(
  value: unknown,
  source: ConfigSource,
  schema: ConfigSchema,
): { value: unknown; names: ReadonlyMap<string, string> } {
  const names = new Map<string, string>()
  const start = `${source.prefix}__`
  let root = value
  for (const name of Object.keys(source.environment).sort()) {
    const text = source.environment[name]
    if (text === undefined || !name.startsWith(start)) continue
    const segments = name.slice(start.length).split('__')
    const found = pathOf(schema as unknown as Shape, segments)
    if (!found) throw new OperatorError(`the environment variable ${name} names no known key`)
    if (root === null || typeof root !== 'object') root = {}
    setAt(root as Tree, found.path, readValue(text, found.shape, name))
    names.set(found.path.join('.'), name)
  }
  return { value: root, names }
}

function pathOf(
  schema: Shape,
  segments: readonly string[],
): { path: string[]; shape: Shape } | undefined {
  const shape = unwrap(schema)
  const [segment, ...rest] = segments
  if (segment === undefined) return { path: [], shape }
  for (const [key, child] of childrenOf(shape, segment)) {
    const below = pathOf(child, rest)
    if (below) return { path: [key, ...below.path], shape: below.shape }
  }
  return undefined
}

function childrenOf(shape: Shape, segment: string): readonly (readonly [string, Shape])[] {
  if (shape.item) {
    const isIndex = /^\d{1,3}$/.test(segment) && Number(segment) < LIST_LENGTH_MAX
    return isIndex ? [[segment, shape.item]] : []
  }
  if (shape.type === 'record' && shape.value) return [[segment.toLowerCase(), shape.value]]
  if (shape.entries) {
    return Object.entries(shape.entries).filter(([key]) => environmentNameOf(key) === segment)
  }
  const options = (shape.options ?? []).filter((one) => typeof one === 'object' && one !== null)
  return options.flatMap((one) => childrenOf(unwrap(one as Shape), segment))
}

/** A text stays as it is; numbers, lists and the like are read as YAML. */
function readValue(text: string, shape: Shape, name: string): unknown {
  if (shape.type === 'string' || shape.type === 'picklist') return text
  try {
    return parse(text, yamlOptions)
  } catch {
    throw new OperatorError(`the environment variable ${name} is not valid YAML`)
  }
}

function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path
  const branch = tree as Record<string, unknown>
  if (rest.length === 0) {
    branch[key] = value
    return
  }
  const below = branch[key]
  const isTree = typeof below === 'object' && below !== null
  const next = isTree ? (below as Tree) : /^\d+$/.test(rest[0] ?? '') ? [] : {}
  branch[key] = next
  setAt(next, rest, value)
}

function describeIssue(
  issue: v.BaseIssue<unknown>,
  source: ConfigSource,
  schema: ConfigSchema,
  names: ReadonlyMap<string, string>,
): string {
  const path = (issue.path ?? []).map((item) => String(item.key))
  const key = path.length > 0 ? path.join('.') : 'the whole file'
  const from = names.get(path.join('.'))
  const where = from ? `${source.origin}: ${key} (from ${from})` : `${source.origin}: ${key}`
  if (issue.expected === 'never') {
    const known = knownKeys(schema as unknown as Shape, path.slice(0, -1))
    return `${where} is not a known key; known here: ${known.join(', ')}`
  }
  // A transformation may stand between what was written and what the last check saw.
  const written = issue.path?.at(-1)?.value ?? issue.input
  if (written !== undefined) return `${where} is ${shown(written)}; it must be ${allowedBy(issue)}`
  const child = shapeAt(schema as unknown as Shape, path)
  return `${where} is missing; it must be ${child ? allowedFor(child) : allowedBy(issue)}`
}

function shapeAt(schema: Shape, path: readonly string[]): Shape | undefined {
  const shape = unwrap(schema)
  const [key, ...rest] = path
  if (key === undefined) return shape
  const child = shape.item ?? shape.entries?.[key] ?? shape.value
  if (child) return shapeAt(child, rest)
  const options = (shape.options ?? []) as readonly Shape[]
  return options.map((one) => shapeAt(one, path)).find((one) => one !== undefined)
}

function allowedFor(shape: Shape): string {
  return typeof shape.message === 'string' ? shape.message : tidyExpected(shape.expects)
}

function knownKeys(schema: Shape, path: readonly string[]): readonly string[] {
  const shape = unwrap(schema)
  const [key, ...rest] = path
  if (key === undefined) {
    const options = (shape.options ?? []) as readonly Shape[]
    const keys = shape.entries ? Object.keys(shape.entries) : []
    return [...new Set([...keys, ...options.flatMap((one) => knownKeys(one, []))])]
  }
  const options = (shape.options ?? []) as readonly Shape[]
  const child = shape.item ?? shape.entries?.[key] ?? shape.value
  return child ? knownKeys(child, rest) : options.flatMap((one) => knownKeys(one, path))
}

/** Messages written in a schema say what is allowed; the library's own begin with "Invalid". */
function allowedBy(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith('Invalid ')) return issue.message
  return tidyExpected(issue.expected ?? 'something else')
}

function tidyExpected(expected: string): string {
  if (expected === 'Array') return 'a list'
  if (expected === 'Object') return 'a group of keys'
  return expected.startsWith('(') ? expected.slice(1, -1).replaceAll(' | ', ' or ') : expected
}

function shown(input: unknown): string {
  const text = textOf(input)
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text
}

function textOf(input: unknown): string {
  if (typeof input === 'bigint') return String(input)
  try {
    return JSON.stringify(input) ?? String(input)
  } catch {
    return 'something that refers to itself'
  }
}
