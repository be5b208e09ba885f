/**
 * The vector files are what other implementations are held to, so they may not drift from the
 * program. `UPDATE_VECTORS=1 npx vitest run test/unit/protocol/vectors.test.ts` writes them anew.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { vectorFiles } from '../../support/makeVectors.ts'

const folder = new URL('../../vectors/', import.meta.url)
const updating = process.env['UPDATE_VECTORS'] === '1'

describe('test vectors', () => {
  test.each(Object.keys(vectorFiles))('%s is what the program makes', (name) => {
    const made = vectorFiles[name]?.() ?? ''
    const file = new URL(name, folder)
    if (updating) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(file, made)
    }
    expect(readFileSync(file, 'utf8')).toBe(made)
    expect(made.length).toBeLessThan(300 * 1024)
  })

  test('no file is there that nothing makes', () => {
    const own = readdirSync(folder).filter((name) => name !== 'external')
    expect(own.sort()).toEqual(Object.keys(vectorFiles).sort())
  })
})
