/**
 * What of a state may leave the machine: no secret ever, and on demand no name of anybody. Pure.
 * @module
 */

/** Gives a name a pseudonym: the same one for the same kind and name. */
export type Pseudonym = (kind: string, name: string) => string

type Fields = Readonly<Record<string, unknown>>

const HIDDEN = '<hidden>'
/** Their values are secret, or may well be; what only says where a secret is ends otherwise. */
const secretKey = /(password|passphrase|secret|token|seed|mnemonic|private\w*|hash|salt)$/i
/** Programs with their arguments, which may hold anything. */
const programKeys: ReadonlySet<string> = new Set(['command', 'on', 'off', 'passphraseCommand'])

/** `value` without secrets: of an address only scheme, host and port, of a program its length. */
export function withoutSecrets(value: unknown, key = ''): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return `<${value.length} bytes>`
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'string') return secretKey.test(key) ? HIDDEN : addressOnly(value)
  if (Array.isArray(value)) {
    if (programKeys.has(key)) return `<${value.length} words>`
    return value.map((one) => withoutSecrets(one, key))
  }
  if (!isFields(value)) return value
  return mapFields(value, (one, name) => withoutSecrets(one, name))
}

/** User names, passwords, paths and queries of addresses are where keys of services stand. */
function addressOnly(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*):\/\/[^\s"']*/gi, (whole, scheme: string) => {
    if (scheme === 'serial') return whole
    try {
      const { host } = new URL(whole)
      return `${scheme}://${host}`
    } catch {
      return `${scheme}://${HIDDEN}`
    }
  })
}

/** Keys whose texts are names of somebody or something, and what kind of name. */
const nameKinds: Readonly<Record<string, string>> = {
  fleet: 'fleet',
  device: 'device',
  meter: 'meter',
  gateway: 'gateway',
  payee: 'payee',
  group: 'group',
  site: 'site',
  reference: 'reference',
  serial: 'serial',
  username: 'person',
  operator: 'person',
  by: 'person',
}
/** What is called `name` is so by what it is within. */
const containerKinds: Readonly<Record<string, string>> = { meters: 'meter' }

/** `value` without names: each is a pseudonym wherever it stands, also within other texts. */
export function withPseudonyms(value: unknown, pseudonym: Pseudonym): unknown {
  const names = new Map<string, string>()
  collect(value, '', '', (kind, name) => names.set(name, pseudonym(kind, name)))
  const longestFirst = [...names.keys()].sort((a, b) => b.length - a.length)
  const pattern = longestFirst.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  const anyName = new RegExp(`(?<![a-z0-9-])(?:${pattern})(?![a-z0-9-])`, 'g')
  const inText = (text: string) => {
    const hidden = withoutPlaces(text, pseudonym)
    return names.size === 0 ? hidden : hidden.replace(anyName, (name) => names.get(name) ?? HIDDEN)
  }
  return replaceTexts(value, inText)
}

/** Paths tell of people and machines, long hex and keys of channels and devices. */
function withoutPlaces(text: string, pseudonym: Pseudonym): string {
  return text
    .replace(/\b(?:0x)?[0-9a-f]{24,}\b/gi, (id) => pseudonym('id', id.toLowerCase()))
    .replace(/(?<=:\/\/)[^/\s:]+|\b\d{1,3}(?:\.\d{1,3}){3}\b/g, (host) => pseudonym('host', host))
    .replace(/(?<![\w<:/])\/[^\s"',;:)]+/g, (path) => pseudonym('path', path))
}

function collect(
  value: unknown,
  key: string,
  container: string,
  take: (kind: string, name: string) => void,
): void {
  if (typeof value === 'string' && value !== '') {
    const ownKind = Object.hasOwn(nameKinds, key) ? nameKinds[key] : undefined
    const kind = key === 'name' ? (containerKinds[container] ?? 'person') : ownKind
    if (kind !== undefined) take(kind, value)
  } else if (Array.isArray(value)) {
    for (const one of value) collect(one, '', key, take)
  } else if (isFields(value)) {
    for (const [name, one] of Object.entries(value)) {
      collect(one, name, key === '' ? container : key, take)
    }
  }
}

function replaceTexts(value: unknown, inText: (text: string) => string): unknown {
  if (typeof value === 'string') return inText(value)
  if (Array.isArray(value)) return value.map((one) => replaceTexts(one, inText))
  if (!isFields(value)) return value
  const entries = Object.entries(value).map(([name, one]) => [
    inText(name),
    replaceTexts(one, inText),
  ])
  return Object.fromEntries(entries)
}

function mapFields(fields: Fields, change: (value: unknown, name: string) => unknown): Fields {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, one]) => one !== undefined)
      .map(([name, one]) => [name, change(one, name)]),
  )
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}
