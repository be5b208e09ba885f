/**
 * What is checked in is what the sources compile to.
 * @module
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

type Build = {
  readonly artifacts: Readonly<Record<string, unknown>>
  readonly compile: (file: string) => readonly { readonly path: string; readonly text: string }[]
}

const script = new URL('../../scripts/buildContracts.js', import.meta.url).href
const { artifacts, compile }: Build = await import(script)
const built = Object.keys(artifacts).flatMap(compile)

describe('checked-in artifacts', () => {
  test.each(built)('$path is what its source compiles to', ({ path, text }) => {
    const kept = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
    expect(kept === text, `${path} is stale: npm run -s build:contracts`).toBe(true)
  })

  test('the escrow fits what a chain takes as code', () => {
    const escrow = built.find(({ path }) => path.endsWith('TickpayEscrow.json'))
    const { bytecode } = JSON.parse(escrow?.text ?? '{}') as { bytecode: string }
    expect(bytecode.length / 2 - 1).toBeLessThan(24_576)
  })
})
