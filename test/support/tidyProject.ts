/**
 * The rules of the house about the project as a whole.
 * @module
 */
import { posix } from 'node:path'
import { importsOf, isThere, type SourceFile } from './tidyFiles.ts'

/** Where programs begin; what none of them reaches is dead. */
const entries = [
  /^cli\/main\.ts$/,
  /^agent\/io\/main\.ts$/,
  /^dashboard\/io\/(main|worker)\.ts$/,
  /^scripts\//,
  /^bench\/[^/]+\.ts$/,
  // Programs of their own, started as processes.
  /^bench\/(load\/generator|(load|systems)\/\w+Program)\.ts$/,
  /\.config\.ts$/,
]
const testEntries = [...entries, /\.test\.ts$/, /^test\/soak\/(main|herd|collector)\.ts$/]

/** Files that no program needs, and helpers that no test needs. */
export function deadFiles(files: readonly SourceFile[]): readonly string[] {
  const needed = reachable(files, entries)
  const tested = reachable(files, testEntries)
  return files
    .filter(({ path }) => !(path.startsWith('test/') ? tested : needed).has(path))
    .map(({ path }) => `${path} is needed by no program`)
}

function reachable(files: readonly SourceFile[], starts: readonly RegExp[]): ReadonlySet<string> {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const found = new Set(
    files.filter(({ path }) => starts.some((start) => start.test(path))).map(({ path }) => path),
  )
  for (const path of found) {
    const file = byPath.get(path)
    for (const one of file ? importsOf(file) : []) if (one.kind === 'own') found.add(one.path)
  }
  return found
}

/** Files that a device's commands would load although only a gateway needs them. */
export function loadedByDevices(files: readonly SourceFile[]): readonly string[] {
  const starts = [/^cli\/commands\/(agent|detect|meterRead|keysNew)\.ts$/]
  return [...reachable(files, starts)].filter((path) =>
    /^(gateway|ledger|firmware-sim)\//.test(path),
  )
}

/** Packages that belong to one place: a file, or a folder when it ends with `/`. */
export const packagePlaces: Readonly<Record<string, readonly string[]>> = {
  aedes: ['gateway/broker/io/'],
  mqtt: ['ports/io/mqttConnector.ts', 'dashboard/io/worker.ts'],
  otpauth: ['gateway/operators/oneTimeCode.ts'],
  ws: ['gateway/broker/io/webSocketDoor.ts'],
  uplot: ['dashboard/io/plot.ts'],
  lmdb: ['gateway/store/io/'],
  'prom-client': ['gateway/http/io/metricsText.ts'],
  pg: ['ledger/postgres/io/pgDatabase.ts'],
  serialport: ['agent/io/', 'firmware-sim/io/'],
  'modbus-serial': ['agent/io/'],
  '@peculiar/x509': ['cli/certificates/io/'],
  'reflect-metadata': ['cli/certificates/io/'],
}

/** Folders that compare or test the product with the packages themselves. */
const beside = /^(test|scripts|bench)\//

/** Uses of a package outside its place. */
export function strayPackages(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => !beside.test(path))
    .flatMap((file) =>
      importsOf(file).flatMap((one) => {
        const places = one.kind === 'package' ? packagePlaces[one.name] : undefined
        if (places === undefined || one.kind !== 'package') return []
        const isAtHome = places.some((place) =>
          place.endsWith('/') ? file.path.startsWith(place) : file.path === place,
        )
        return isAtHome ? [] : [`${file.path} imports ${one.name}, which lives in ${places}`]
      }),
    )
}

/** Links of documents that lead nowhere, and files they name that are not there. */
export function brokenReferences(documents: readonly SourceFile[]): readonly string[] {
  const byPath = new Map(documents.map((one) => [one.path, one]))
  return documents.flatMap((document) => [
    ...brokenLinks(document, byPath),
    ...missingFiles(document),
  ])
}

function brokenLinks(
  document: SourceFile,
  documents: ReadonlyMap<string, SourceFile>,
): readonly string[] {
  const links = [...document.text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return links.flatMap((link) => {
    if (/^[a-z]+:/.test(link)) return []
    const [file = '', anchor] = link.split('#')
    const path = file === '' ? document.path : posix.join(posix.dirname(document.path), file)
    if (!isThere(path)) return [`${document.path} links to ${link}, which is not there`]
    const target = documents.get(path)
    if (anchor === undefined || target === undefined || anchorsOf(target).includes(anchor))
      return []
    return [`${document.path} links to ${link}, which has no such heading`]
  })
}

/** Headings as GitHub turns them into anchors. */
function anchorsOf(document: SourceFile): readonly string[] {
  return document.lines
    .filter((line) => /^#{1,6} /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
}

const ownFolders =
  'protocol|ports|agent|gateway|ledger|fleet|firmware-sim|cli|dashboard|test|docs|scripts'
const ownFile = new RegExp(`\\b(?:${ownFolders})/[\\w./-]*\\.(?:ts|md|json|py|js|sh)\\b`, 'g')

function missingFiles(document: SourceFile): readonly string[] {
  const named = [...document.text.matchAll(ownFile)].map(([path]) => path)
  return [...new Set(named)]
    .filter((path) => !isThere(path) && !path.includes('*'))
    .map((path) => `${document.path} names ${path}, which is not there`)
}

/** Tests that a document names, as `file`: "name", and that are not in that file. */
export function missingTests(
  documents: readonly SourceFile[],
  tests: readonly SourceFile[],
): readonly string[] {
  const byPath = new Map(tests.map((one) => [one.path, plainQuotes(one.text)]))
  return documents.flatMap((document) =>
    [...document.text.matchAll(/`(test\/[\w./-]+)`: "([^"]+)"/g)].flatMap(
      ([, path = '', name = '']) =>
        byPath.get(path)?.includes(plainQuotes(name))
          ? []
          : [`${document.path} names the test "${name}", which is not in ${path}`],
    ),
  )
}

/** A name with an apostrophe is written with a backslash or in other quotes. */
function plainQuotes(text: string): string {
  return text.replaceAll("\\'", "'")
}

/** Reasons that no test ever mentions. */
export function untestedReasons(
  reasons: readonly string[],
  tests: readonly SourceFile[],
): readonly string[] {
  const text = tests.map((one) => one.text).join('\n')
  return reasons.filter((reason) => !new RegExp(`['"\`]${reason}['"\`]`).test(text))
}

/** Dependencies that are not pinned to one version. */
export function looseVersions(manifest: { readonly [group: string]: unknown }): readonly string[] {
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides'].flatMap((group) =>
    Object.entries(manifest[group] ?? {})
      .filter(([, version]) => !/^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/.test(String(version)))
      .map(([name, version]) => `${group}: ${name} is ${String(version)}, not one version`),
  )
}
