/**
 * Bundles the program `tickpay` with all packages that are JavaScript. Native code stays outside:
 * lmdb and the binding of serial ports are found in a `node_modules` above.
 * @module
 */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Some of the bundled packages are CommonJS and call `require` for Node's own modules. */
const banner = `import { createRequire as requireFrom } from 'node:module'
const require = requireFrom(import.meta.url)`

/** Several files in `folder`, of which `main.mjs` is the program: commands load what they need. */
export function bundleProgram(folder) {
  return build({
    absWorkingDir: root,
    entryPoints: ['cli/main.ts'],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minify: true,
    legalComments: 'eof',
    logLevel: 'warning',
    banner: { js: banner },
    // The last three speed up or extend packages that do without them.
    external: ['lmdb', '@serialport/bindings-cpp', 'cbor-extract', 'pg-native', 'bufferutil'],
  })
}
