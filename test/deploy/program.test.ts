/**
 * The program bundled as packages carry it: what is loaded only when it is needed is there.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../support/tidyFiles.ts'

const folder = mkdtempSync(join(tmpdir(), 'tickpay-program-'))
const main = join(folder, 'program', 'main.mjs')

beforeAll(async () => {
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
  const script = new URL('../../scripts/bundleProgram.js', import.meta.url).href
  const { bundleProgram } = (await import(script)) as {
    bundleProgram: (folder: string) => Promise<unknown>
  }
  await bundleProgram(join(folder, 'program'))
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true }))

test('it opens serial ports: one that is not there is said to be missing', () => {
  const words = ['meter', 'read', 'serial:///dev/tickpay-nothing?baud=9600']
  const { status, stderr } = spawnSync(process.execPath, [main, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(stderr).toContain('serial port /dev/tickpay-nothing is not there')
  expect(status).not.toBe(70)
}, 70_000)
