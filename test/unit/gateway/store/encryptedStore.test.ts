/** An encrypted store on real files: what is readable in it, and who may open it. */
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { exitCodes } from '../../../../cli/exitCodes.ts'
import type { StoreSite } from '../../../support/storeSite.ts'
import { createStoreSite, filesUnder, fingerprintOf, names } from '../../../support/storeSite.ts'

let site: StoreSite

beforeAll(async () => {
  site = await createStoreSite()
})

afterEach(() => {
  site.clear()
  rmSync(site.at('copy'), { recursive: true, force: true })
})

afterAll(() => site.remove())

const sealed = (file = 'store.key') => `storeKey: { file: ${site.at(file)} }`

/** The words that are readable somewhere under the folder `data`. */
function readable(data = 'data'): readonly string[] {
  const all = Buffer.concat([...filesUnder(site.at(data)).values()])
  const words = [...Object.values(names), 'EUR', 'mandate', 'operator']
  return words.filter((word) => all.includes(word))
}

async function channels(): Promise<unknown> {
  const { data, error } = await site.ran('channels', 'list')
  return data ?? error
}

describe('an encrypted store', () => {
  test('tells nobody what is in it, and opens with its key', async () => {
    site.configure(sealed())
    await site.enrol()
    expect(readable()).toEqual([])
    expect(await channels()).toMatchObject([{ fleet: names.fleet, meter: names.meter }])
    const { data } = await site.ran('ledger', 'balance')
    expect(data).toMatchObject({ sum: '0' })
    const entries = await site.ran('ledger', 'entries')
    expect(JSON.stringify(entries.data)).toContain(names.reference)
  })

  test('one without a key tells it all: this test can see', async () => {
    await site.enrol()
    expect(readable()).toEqual(expect.arrayContaining(Object.values(names)))
  })

  test.each([
    ['a wrong key', () => sealed('other.key'), /is not the one that the store was encrypted with/],
    ['no key', () => '', /the store is encrypted: configure storeKey/],
  ])('(!) with %s is refused before anything is read or changed', async (_, more, message) => {
    site.configure(sealed())
    await site.enrol()
    const before = fingerprintOf(site.at('data'))
    // Nothing but the file that says so is even there to be read.
    for (const part of ['journal', 'snapshot', 'cold', 'ledger']) {
      expect(existsSync(join(site.at('data'), part))).toBe(true)
    }
    site.configure(more())
    const { code, error } = await site.ran('channels', 'list')
    expect(code).toBe(exitCodes.unusable)
    expect(error.join()).toMatch(message)
    expect(fingerprintOf(site.at('data'))).toBe(before)
    for (const part of ['journal', 'snapshot', 'cold', 'ledger']) {
      rmSync(join(site.at('data'), part), { recursive: true })
    }
    const again = await site.ran('channels', 'list')
    expect(again.error).toEqual(error)
  })

  test('a key for a store that is not encrypted is refused', async () => {
    await site.enrol()
    const before = fingerprintOf(site.at('data'))
    site.configure(sealed())
    const { code, error } = await site.ran('channels', 'list')
    expect(code).toBe(exitCodes.unusable)
    expect(error.join()).toMatch(/not encrypted but storeKey is configured.*store encrypt/)
    expect(fingerprintOf(site.at('data'))).toBe(before)
  })

  test('its key comes from a command or a credential as well', async () => {
    site.configure(sealed())
    await site.enrol()
    site.configure(`storeKey: { command: [cat, ${site.at('store.key')}] }`)
    expect(await channels()).toMatchObject([{ fleet: names.fleet }])
    site.configure('storeKey: { credential: store.key }')
    const without = await site.ran('channels', 'list')
    expect(without.error.join()).toContain('LoadCredential=store.key:FILE')
    process.env['CREDENTIALS_DIRECTORY'] = site.folder
    try {
      expect(await channels()).toMatchObject([{ fleet: names.fleet }])
    } finally {
      delete process.env['CREDENTIALS_DIRECTORY']
    }
  })

  test.each([
    ['{ file: NOWHERE }', /cannot read the store key NOWHERE: there is no such file/],
    ['{ command: ["false"] }', /the command false gave no store key: it ended with code 1/],
    ['{ command: [no-such-program] }', /no-such-program gave no store key: there is no such file/],
    ['{ command: [echo, abc] }', /the command echo of the store key gives no store key.*32 bytes/],
    ['{ }', /storeKey.*one of file, credential and command/],
  ])('storeKey: %s is refused in one line', async (text, message) => {
    site.configure(`storeKey: ${text}`)
    const { code, error } = await site.ran('channels', 'list')
    expect(code).toBe(exitCodes.unusable)
    expect(error).toHaveLength(1 + Number(error[0]?.startsWith('no gateway is running') ?? false))
    expect(error.join()).toMatch(message)
    expect(existsSync(site.at('data/store.json'))).toBe(false)
  })

  test('a key file that others can read is told of', async () => {
    chmodSync(site.at('store.key'), 0o644)
    site.configure(sealed())
    const { readStoreKey } = await import('../../../../ports/io/storeKey.ts')
    const { warning } = await readStoreKey({ file: site.at('store.key') }, {})
    chmodSync(site.at('store.key'), 0o600)
    expect(warning).toMatch(/can be read by others.*chmod 600/)
  })
})

describe('tickpay store encrypt', () => {
  test('makes a copy with all that was there, and leaves the store as it is', async () => {
    await site.enrol()
    const before = await channels()
    const balance = await site.ran('ledger', 'balance')
    site.configure(sealed())
    const { code, data, error } = await site.ran('store', 'encrypt', site.at('copy'))
    expect(error).toEqual([])
    expect({ code, data }).toMatchObject({ code: 0, data: { folder: site.at('copy') } })
    expect(readable('copy')).toEqual([])
    site.configure('')
    expect(await channels()).toEqual(before)
    site.configure(sealed(), site.at('copy'))
    expect(await channels()).toEqual(before)
    expect((await site.ran('ledger', 'balance')).data).toEqual(balance.data)
    // And it starts again from what it wrote itself.
    expect(await channels()).toEqual(before)
  })

  test('refuses what it cannot do', async () => {
    const refusal = async () => (await site.ran('store', 'encrypt', site.at('copy'))).error.join()
    expect(await refusal()).toMatch(/configure storeKey first/)
    site.configure(sealed())
    expect(await refusal()).toMatch(/there is no store in/)
    await site.enrol()
    expect(await refusal()).toMatch(/is encrypted already/)
    site.clear()
    await site.enrol()
    site.configure(sealed())
    filesUnder(site.at('copy'))
    writeFileSync(site.at('copy/precious'), 'x')
    expect(await refusal()).toMatch(/copy is not empty/)
  })
})

describe('tickpay store rotate-key', () => {
  test('seals again what is there and opens what a former key has sealed', async () => {
    site.configure(sealed())
    await site.enrol()
    const before = await channels()
    const { code, data, error } = await site.ran('store', 'rotate-key')
    expect({ code, error }).toEqual({ code: 0, error: [] })
    expect(data).toMatchObject({ keyId: 2, kept: [1] })
    expect((data as { resealed: number }).resealed).toBeGreaterThan(5)
    expect(await channels()).toEqual(before)
    expect(await channels()).toEqual(before)
    expect(readable()).toEqual([])
  })

  test("(!) with a new operator's key the former one opens nothing any more", async () => {
    site.configure(sealed())
    await site.enrol()
    const before = await channels()
    const rotated = await site.ran('store', 'rotate-key', '--new-key-file', site.at('other.key'))
    expect(rotated.code).toBe(0)
    const refused = await site.ran('channels', 'list')
    expect(refused.error.join()).toMatch(/is not the one that the store was encrypted with/)
    site.configure(sealed('other.key'))
    expect(await channels()).toEqual(before)
  })

  test('is refused for a store that is not encrypted', async () => {
    await site.enrol()
    const { code, error } = await site.ran('store', 'rotate-key')
    expect(code).toBe(exitCodes.unusable)
    expect(error.join()).toMatch(/no encrypted store/)
  })
})
