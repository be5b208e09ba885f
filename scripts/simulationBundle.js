/**
 * Bundles the simulator into one file, so that a run starts at once and the product can be built
 * with a fault planted in it. Keys come from test/simulation/fastKeys.ts in place of the reference.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const reference = join(root, 'protocol/keys.ts')
const fast = join(root, 'test/simulation/fastKeys.ts')

/** Some of the bundled packages are CommonJS and call `require` for Node's own modules. */
const banner = `import { createRequire as requireFrom } from 'node:module'
const require = requireFrom(import.meta.url)`

const fastKeys = {
  name: 'fast keys',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/keys\.ts$/ }, ({ importer, path, resolveDir }) =>
      resolve(resolveDir, path) === reference && importer !== fast ? { path: fast } : undefined,
    )
  },
}

/** Replaces texts in one file; a text that is not there exactly once is out of date. */
function planting({ file, find, put }) {
  const path = join(root, file)
  return {
    name: 'planted fault',
    setup: ({ onLoad }) => {
      const escaped = path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      onLoad({ filter: new RegExp(`^${escaped}$`) }, async () => {
        const text = await readFile(path, 'utf8')
        const places = text.split(find).length - 1
        if (places === 1) return { contents: text.replace(find, () => put), loader: 'ts' }
        return { errors: [{ text: `${file} has ${places} places that read: ${find}` }] }
      })
    },
  }
}

/**
 * Bundles `entry` and returns the path of the file. `fault`, if any, is planted in the product:
 * `{ file, find, put }`.
 */
export async function bundleSimulation(entry, name, fault) {
  const outfile = join(root, 'dist/simulation', `${name}.mjs`)
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: fault ? 'silent' : 'warning',
    banner: { js: banner },
    external: ['serialport', 'modbus-serial', 'lmdb', 'aedes', 'mqtt'],
    plugins: [fastKeys, ...(fault ? [planting(fault)] : [])],
  })
  return outfile
}
