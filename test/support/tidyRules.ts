/**
 * The rules of the house about single source files. Each takes a file and answers one line for
 * every breach.
 * @module
 */
import { type Import, importsOf, type SourceFile } from './tidyFiles.ts'

export type Rule = (file: SourceFile) => readonly string[]

/** Which folders, and which packages, the files of a folder may import. */
type Allowed = { readonly folders: readonly string[]; readonly packages: readonly string[] }

const everything = [
  'protocol',
  'ports',
  'agent',
  'gateway',
  'ledger',
  'fleet',
  'firmware-sim',
  'cli',
]

const allowedBy: Readonly<Record<string, Allowed>> = {
  protocol: { folders: ['protocol'], packages: ['@noble/curves', '@noble/hashes', 'cbor-x'] },
  ports: {
    folders: ['ports', 'protocol'],
    packages: ['valibot', 'yaml', 'mqtt', 'pino', 'serialport'],
  },
  agent: {
    folders: ['agent', 'ports', 'protocol'],
    packages: ['@noble/hashes', 'valibot', 'serialport', 'modbus-serial'],
  },
  gateway: {
    folders: ['gateway', 'ledger', 'ports', 'protocol'],
    packages: ['@noble/hashes', 'valibot', 'aedes', 'lmdb', 'otpauth', 'pino', 'prom-client', 'ws'],
  },
  dashboard: { folders: ['dashboard', 'protocol'], packages: ['mqtt', 'uplot'] },
  ledger: {
    folders: ['ledger', 'ports', 'protocol'],
    packages: ['@noble/hashes', 'valibot', 'viem', 'pg'],
  },
  fleet: { folders: ['fleet', 'ports', 'protocol'], packages: ['valibot'] },
  'firmware-sim': { folders: ['firmware-sim', 'ports', 'protocol'], packages: ['serialport'] },
  cli: {
    folders: everything,
    packages: ['valibot', 'yaml', 'pino', '@peculiar/x509', 'reflect-metadata'],
  },
}

/** What a microcontroller's side may know of the protocol. */
const firmwareProtocol = /^protocol\/(frame\w*|reading|bytes|limits|assert)\.ts$/

/** Import rules of the folders; tests and scripts may import anything, and nothing imports them. */
export const importRule: Rule = (file) => {
  const allowed = allowedBy[folderOf(file.path)]
  if (allowed === undefined) return []
  return importsOf(file).flatMap((one) => {
    const reason = importBreach(file, one, allowed)
    return reason === undefined ? [] : [`${file.path} imports ${nameOf(one)}: ${reason}`]
  })
}

function importBreach(file: SourceFile, one: Import, allowed: Allowed): string | undefined {
  if (one.kind === 'node') return isShell(file.path) ? undefined : 'node: only under io/ and cli/'
  if (one.kind === 'package') {
    return allowed.packages.includes(one.name) ? undefined : 'this folder must not use that package'
  }
  if (!allowed.folders.includes(folderOf(one.path))) return 'the folder may not be imported here'
  const isFirmware = folderOf(file.path) === 'firmware-sim' && folderOf(one.path) === 'protocol'
  return isFirmware && !firmwareProtocol.test(one.path) ? 'more than the frame' : undefined
}

function nameOf(one: Import): string {
  return one.kind === 'own' ? one.path : one.name
}

/** The first folder of a path; empty for files of the project itself. */
export function folderOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : ''
}

/** Where the outside world may be touched. */
export function isShell(path: string): boolean {
  return path.includes('/io/') || ['cli', 'test', 'scripts', 'bench', ''].includes(folderOf(path))
}

const bannedCalls: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(\)/, 'use Clock'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\(/, 'use Timers'],
  [/\bMath\.random\b/, 'use Random'],
  [/\bperformance\.now\b/, 'use Clock'],
  [/\bprocess\.\w/, 'pass the value in'],
  [/\bconsole\.\w/, 'use Log'],
  [/\bcrypto\.(subtle|getRandomValues|randomUUID)\b/, 'use Random'],
]

/** Clock, timers, random and process are ports: they appear in the shells only. */
export const outsideWorldRule: Rule = (file) => {
  if (isShell(file.path)) return []
  return breaches(file, bannedCalls)
}

const bannedEverywhere: readonly (readonly [RegExp, string])[] = [
  [/^export default\b/, 'no default exports'],
  [/^(export )?(declare )?(const )?enum\b/, 'no enums'],
  [/(:|<|\bas|=>) any\b(?!')/, 'no any'],
  [/\b(TODO|FIXME|XXX)\b/, 'do it, or leave it out'],
  [/@ts-(ignore|nocheck)/, 'no silenced compiler'],
  [/\b(it|test|describe)\.(skip|only|todo)\b/, 'no skipped tests'],
  [/\s$/, 'white space at the end'],
  [/\t/, 'no tabs'],
]

export const styleRule: Rule = (file) => {
  if (file.path.endsWith('.config.ts') || file.path === 'test/support/tidyRules.ts') {
    return breaches(file, bannedEverywhere.slice(4))
  }
  return breaches(file, bannedEverywhere)
}

function breaches(
  file: SourceFile,
  patterns: readonly (readonly [RegExp, string])[],
): readonly string[] {
  return file.lines.flatMap((line, place) =>
    patterns
      .filter(([pattern]) => pattern.test(withoutComment(line)))
      .map(([, advice]) => `${file.path}:${place + 1}: ${advice}: ${line.trim()}`),
  )
}

/** Prose may speak of what code may not do; marks of unfinished work stay visible. */
function withoutComment(line: string): string {
  if (/\b(TODO|FIXME|XXX)\b|\s$/.test(line)) return line
  return line.replace(/^\s*(\*|\/\*\*|\/\/).*$/, '').replace(/\s\/\/ .*$/, '')
}

const columnsMax = 100
const fileLinesMax = 400
const functionLinesMax = 70

export const sizeRule: Rule = (file) => {
  const length = file.lines.length
  return [
    ...(length > fileLinesMax
      ? [`${file.path} has ${length} lines, ${fileLinesMax} are allowed`]
      : []),
    ...file.lines.flatMap((line, place) =>
      [...line].length > columnsMax ? [`${file.path}:${place + 1} is wider than 100 columns`] : [],
    ),
    ...longFunctions(file),
  ]
}

/**
 * The formatter puts the end of a block at the indentation of the line that begins it, so a
 * function ends at the next closing brace there. A `describe` is a chapter, not a function.
 */
function longFunctions(file: SourceFile): readonly string[] {
  return file.lines.flatMap((line, place) => {
    if (!beginsFunction(line) || /^\s*describe\b/.test(line)) return []
    const indent = /^ */.exec(line)?.[0] ?? ''
    const rest = file.lines.slice(place + 1)
    const end = rest.findIndex((one) => one.startsWith(`${indent}}`))
    return end + 2 > functionLinesMax
      ? [`${file.path}:${place + 1}: a function of ${end + 2} lines, 70 are allowed`]
      : []
  })
}

function beginsFunction(line: string): boolean {
  const begins =
    /\bfunction\b/.test(line) || /=> \{$/.test(line) || /^ +(async )?\w+\(.*\{$/.test(line)
  return begins && !/^\s*(if|for|while|switch|\*|\/\/)/.test(line) && !line.endsWith('}')
}

/** Every file says what it is before anything else. */
export const openingRule: Rule = (file) => {
  if (file.path.endsWith('.test.ts') || file.path.endsWith('.config.ts')) return []
  const start = file.lines[0]?.startsWith('#!') ? 1 : 0
  const end = file.lines.indexOf(' */')
  const opening = file.lines.slice(start, end + 1)
  if (opening[0] === '/**' && (opening.includes(' * @module') || file.path.startsWith('test/'))) {
    return []
  }
  return [`${file.path} does not open with a comment that says what it is (@module)`]
}

export const fileRules: readonly (readonly [string, Rule])[] = [
  ['imports', importRule],
  ['outside world', outsideWorldRule],
  ['style', styleRule],
  ['sizes', sizeRule],
  ['openings', openingRule],
]
