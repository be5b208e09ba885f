/**
 * The project's own files, as the tidy test reads them.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

export type SourceFile = {
  /** Relative to the project, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
}

/** Folders that hold no files of ours. */
const foreign = new Set(['node_modules', 'dist', 'coverage', '.git'])

export function sourceFile(path: string, text: string): SourceFile {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return { path, text, lines }
}

/** Every file below the project whose name ends with one of `endings`. */
export function readFiles(endings: readonly string[]): readonly SourceFile[] {
  return pathsBelow(projectRoot)
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .map((path) => sourceFile(path, readFileSync(join(projectRoot, path), 'utf8')))
}

function pathsBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return foreign.has(entry.name) ? [] : pathsBelow(path)
    return [relative(projectRoot, path).replaceAll('\\', '/')]
  })
}

export function isThere(path: string): boolean {
  return existsSync(join(projectRoot, path))
}

export type Import =
  | { readonly kind: 'own'; readonly path: string }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'package'; readonly name: string }

/** What a file imports: own files by path, packages by name without a path behind it. */
export function importsOf(file: SourceFile): readonly Import[] {
  const pattern = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^']+)'/g
  return [...file.text.matchAll(pattern)].map(([, name = '']) => readImport(file, name))
}

function readImport(file: SourceFile, name: string): Import {
  if (name.startsWith('.')) {
    return { kind: 'own', path: posix.join(posix.dirname(file.path), name) }
  }
  if (name.startsWith('node:')) return { kind: 'node', name }
  const [first = '', second = ''] = name.split('/')
  return { kind: 'package', name: first.startsWith('@') ? `${first}/${second}` : first }
}
