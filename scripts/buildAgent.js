/**
 * Bundles the agent into one file that a device runs with nothing but Node beside it:
 * `dist/tickpay-agent.mjs`. Serial ports need their prebuilt binding next to it
 * (`npm install @serialport/bindings-cpp`); meters over TCP need nothing.
 * @module
 */
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url)
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

/** Some of the bundled packages are CommonJS and call `require` for Node's own modules. */
const banner = `import { createRequire as requireFrom } from 'node:module'
const require = requireFrom(import.meta.url)`

export function bundleAgent(outfile) {
  return build({
    absWorkingDir: new URL('.', root).pathname,
    entryPoints: ['agent/io/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minify: true,
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
    banner: { js: banner },
    define: { TICKPAY_VERSION: JSON.stringify(version) },
    // Native code cannot be bundled; the CBOR library does without its own.
    external: ['@serialport/bindings-cpp', 'cbor-extract'],
  })
}

if (process.argv[1] && import.meta.url === new URL(`file://${process.argv[1]}`).href) {
  const outfile = process.argv[2] ?? 'dist/tickpay-agent.mjs'
  const { metafile } = await bundleAgent(outfile)
  const [{ bytes }] = Object.values(metafile.outputs)
  console.log(`${outfile}: ${Math.round(bytes / 1024)} kB`)
}
