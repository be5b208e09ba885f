/**
 * T72: what the program is made of is written down, cannot change unseen, and runs nothing when it
 * is installed.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../support/tidyFiles.ts'

const readJson = (name: string) => JSON.parse(readFileSync(join(projectRoot, name), 'utf8'))

const lockSchema = v.object({
  lockfileVersion: v.literal(3),
  packages: v.record(
    v.string(),
    v.object({
      version: v.optional(v.string()),
      resolved: v.optional(v.string()),
      integrity: v.optional(v.string()),
      hasInstallScript: v.optional(v.boolean()),
      link: v.optional(v.boolean()),
      inBundle: v.optional(v.boolean()),
      dev: v.optional(v.boolean()),
      optional: v.optional(v.boolean()),
    }),
  ),
})
const versions = v.record(v.string(), v.string())
const manifestSchema = v.object({
  dependencies: versions,
  devDependencies: versions,
  scripts: versions,
  allowScripts: v.record(v.string(), v.boolean()),
})
const manifest = v.parse(manifestSchema, readJson('package.json'))
const { packages } = v.parse(lockSchema, readJson('package-lock.json'))
const { '': root, ...installed } = packages
const registry = 'https://registry.npmjs.org/'
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 13)

describe('T72: the lock file', () => {
  test('has every dependency at the one version that the manifest names', () => {
    expect(root).toBeDefined()
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies }
    for (const [name, version] of Object.entries(wanted)) {
      expect(installed[`node_modules/${name}`]?.version, name).toBe(version)
    }
  })

  test('pins every package by the hash of its content, and none by another place', () => {
    expect(Object.keys(installed).length).toBeGreaterThan(50)
    for (const [path, one] of Object.entries(installed)) {
      if (one.inBundle) continue
      expect(one.integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/)
      expect(one.resolved ?? registry, path).toContain(registry)
      expect(one.link, path).toBeUndefined()
    }
  })
})

describe('T72: installing runs nothing', () => {
  test('every package that would run a script is named, and may not', () => {
    const wanting = Object.entries(installed).filter(([, one]) => one.hasInstallScript)
    expect(wanting.length).toBeGreaterThan(0)
    for (const [path] of wanting) expect(manifest.allowScripts[nameOf(path)], path).toBe(false)
    expect(Object.values(manifest.allowScripts)).not.toContain(true)
  })

  test('the program itself builds from its own sources and runs nothing else', () => {
    const own = ['preinstall', 'install', 'postinstall'].filter((name) => name in manifest.scripts)
    expect(own).toEqual([])
    expect(manifest.scripts['prepare']).toBe('npm run --silent build')
  })
})

const sbomSchema = v.object({
  bomFormat: v.literal('CycloneDX'),
  components: v.array(v.object({ name: v.string(), version: v.string() })),
})

test('T72: npm sbom lists every package, as the lock file has it', () => {
  const command = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only']
  const { status, stdout } = spawnSync('npm', command, { cwd: projectRoot, encoding: 'utf8' })
  expect(status).toBe(0)
  const { components } = v.parse(sbomSchema, JSON.parse(stdout))
  const listed = new Set(components.map(({ name, version }) => `${name}@${version}`))
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    expect(listed, name).toContain(`${name}@${version}`)
  }
  const text = ([path, one]: [string, { readonly version?: string | undefined }]) =>
    `${nameOf(path)}@${one.version}`
  const locked = new Set(Object.entries(installed).map(text))
  expect([...listed].filter((one) => !locked.has(one))).toEqual([])
  const needed = Object.entries(installed).filter(([, { optional }]) => !optional)
  expect(needed.map(text).filter((one) => !listed.has(one))).toEqual([])
}, 60_000)
