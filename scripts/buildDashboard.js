/**
 * Builds the dashboard into `dist/dashboard`: the page's script, that of its worker, and one style
 * sheet, with everything they need, so that a gateway serves them without a network.
 * @module
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url)
const out = new URL('dist/dashboard/', root)

mkdirSync(out, { recursive: true })
for (const file of ['index.html', 'icon.svg']) {
  copyFileSync(new URL(`dashboard/${file}`, root), new URL(file, out))
}
await build({
  absWorkingDir: new URL('.', root).pathname,
  entryPoints: [
    { in: 'dashboard/io/main.ts', out: 'dashboard' },
    { in: 'dashboard/io/worker.ts', out: 'worker' },
    { in: 'dashboard/style.css', out: 'dashboard' },
  ],
  outdir: 'dist/dashboard',
  bundle: true,
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'eof',
  logLevel: 'warning',
})
