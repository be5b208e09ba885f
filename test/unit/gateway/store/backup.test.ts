/** Backups and restores on real files, with and without encryption. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { exitCodes } from '../../../../cli/exitCodes.ts'
import { readGatewayConfig } from '../../../../cli/io/gatewayCalls.ts'
import { readArchive } from '../../../../gateway/io/archiveFile.ts'
import { openOffline } from '../../../../gateway/io/openGateway.ts'
import { ARCHIVE_VERSION, isStorePath } from '../../../../gateway/store/archive.ts'
import { nodePorts } from '../../../../ports/io/node.ts'
import type { StoreSite } from '../../../support/storeSite.ts'
import { createStoreSite, filesUnder, fingerprintOf, names } from '../../../support/storeSite.ts'

let site: StoreSite

beforeAll(async () => {
  site = await createStoreSite()
  mkdirSync(site.at('backups'))
})

afterEach(() => {
  site.clear()
  for (const name of readdirSync(site.at('backups'))) {
    rmSync(site.at(`backups/${name}`), { recursive: true })
  }
})

afterAll(() => site.remove())

const sealed = (file = 'store.key') => `storeKey: { file: ${site.at(file)} }`
const backups = () => readdirSync(site.at('backups'))
const file = () => site.at('backups/depot.backup')

async function channels(): Promise<unknown> {
  const { data, error } = await site.ran('channels', 'list')
  return data ?? error
}

/** Backs the store up, destroys it and restores it. */
async function roundTrip(...more: string[]) {
  const backup = await site.ran('backup', file(), ...more)
  rmSync(site.at('data'), { recursive: true })
  return { backup, restored: await site.ran('restore', file(), ...more) }
}

describe.each([
  ['a plain store', () => '', false],
  ['an encrypted store', () => sealed(), true],
])('the backup of %s', (_, more, encrypted) => {
  test('brings everything back: channels, books, credentials', async () => {
    site.configure(more())
    await site.enrol()
    const before = await channels()
    const books = await site.ran('ledger', 'entries')
    const { backup, restored } = await roundTrip()
    expect(backup).toMatchObject({ code: 0, data: { file: file(), encrypted } })
    expect(restored).toMatchObject({ code: 0, data: { folder: site.at('data') } })
    expect(await channels()).toEqual(before)
    expect((await site.ran('ledger', 'entries')).data).toEqual(books.data)
    expect(backups()).toEqual(['depot.backup'])
    expect(await site.ran('store', 'verify')).toMatchObject({ code: 0, data: { sound: true } })
  })

  test('tells names only when it is not encrypted', async () => {
    site.configure(more())
    await site.enrol()
    await site.ran('backup', file())
    expect(readFileSync(file()).includes(names.fleet)).toBe(!encrypted)
  })
})

test('a backup has a key of its own where one is given', async () => {
  await site.enrol()
  const before = await channels()
  await site.ran('backup', file(), '--key-file', site.at('other.key'))
  expect(readFileSync(file()).includes(names.fleet)).toBe(false)
  rmSync(site.at('data'), { recursive: true })
  const without = await site.ran('restore', file())
  expect(without.code).toBe(exitCodes.unusable)
  expect(without.error.join()).toMatch(/is encrypted: configure storeKey as it was then, or/)
  const wrong = await site.ran('restore', file(), '--key-file', site.at('store.key'))
  expect(wrong.error.join()).toMatch(/the key does not open the backup/)
  expect(existsSync(site.at('data'))).toBe(false)
  const restored = await site.ran('restore', file(), '--key-file', site.at('other.key'))
  expect(restored.code).toBe(0)
  expect(await channels()).toEqual(before)
})

test('into a folder it is named by gateway and time; a file is never replaced', async () => {
  await site.enrol()
  const { data } = await site.ran('backup', site.at('backups'))
  expect(backups()).toHaveLength(1)
  expect(data).toMatchObject({ file: site.at(`backups/${backups()[0]}`) })
  expect(backups()[0]).toMatch(/^depot-\d{8}T\d{6}Z\.tickpay-backup$/)
  writeFileSync(file(), 'precious')
  const again = await site.ran('backup', file())
  expect(again).toMatchObject({ code: exitCodes.failed })
  expect(again.error.join()).toMatch(/is there already/)
  expect(readFileSync(file(), 'utf8')).toBe('precious')
  const nowhere = await site.ran('backup', site.at('no/such/folder/x'))
  expect(nowhere.code).toBe(exitCodes.failed)
})

test('(!) a folder with anything in it is left as it is', async () => {
  await site.enrol()
  await site.ran('backup', file())
  const before = fingerprintOf(site.at('data'))
  const { code, error } = await site.ran('restore', file())
  expect(code).toBe(exitCodes.unusable)
  expect(error.join()).toMatch(/data is not empty: choose an empty one; nothing in it was changed/)
  expect(fingerprintOf(site.at('data'))).toBe(before)
})

test('(!) what an interrupted restore leaves is not taken for a new store', async () => {
  await site.enrol()
  await site.ran('backup', file())
  // Whichever file was the last that was written: the one that makes it a store comes after it.
  for (const part of ['snapshot', 'journal']) {
    rmSync(site.at('data'), { recursive: true })
    await site.ran('restore', file())
    rmSync(site.at('data/store.json'))
    if (part === 'snapshot') rmSync(site.at('data/journal'), { recursive: true })
    const { code, error } = await site.ran('channels', 'list')
    expect(code).toBe(exitCodes.unusable)
    expect(error.join()).toMatch(/no store\.json: restore the store from a backup/)
    expect(existsSync(site.at('data/store.json'))).toBe(false)
  }
})

test('the backup of another gateway is refused', async () => {
  await site.enrol()
  await site.ran('backup', file())
  rmSync(site.at('data'), { recursive: true })
  const text = readFileSync(site.at('gateway.yaml'), 'utf8')
  writeFileSync(site.at('gateway.yaml'), text.replace('gateway: depot', 'gateway: quay'))
  const { error } = await site.ran('restore', file())
  expect(error.join()).toMatch(/of the gateway depot, the configuration of quay/)
})

describe('(!) a damaged backup', () => {
  test('is refused before anything is written, and says where it is damaged', async () => {
    await site.enrol()
    await site.ran('backup', file())
    rmSync(site.at('data'), { recursive: true })
    const whole = readFileSync(file())
    const places = Array.from({ length: 40 }, (_, i) => Math.floor((i * (whole.length - 1)) / 39))
    for (const place of places) {
      const altered = Buffer.from(whole)
      altered[place] = (altered[place] ?? 0) ^ 0x40
      writeFileSync(file(), altered)
      await expect(readArchive(file(), undefined)).rejects.toThrow(/damaged or cut short at byte/)
      writeFileSync(file(), whole.subarray(0, place))
      await expect(readArchive(file(), undefined)).rejects.toThrow(/damaged or cut short at byte/)
    }
    writeFileSync(file(), Buffer.concat([whole, Buffer.from([0])]))
    await expect(readArchive(file(), undefined)).rejects.toThrow(
      `damaged or cut short at byte ${whole.length}`,
    )
    expect((await site.ran('restore', file())).code).toBe(exitCodes.unusable)
    expect(existsSync(site.at('data'))).toBe(false)
  })

  test('cannot write anything but the files of a store', () => {
    for (const path of ['../x', '/etc/passwd', 'journal/../../x', 'lock', 'cold/data.mdb/x']) {
      expect(isStorePath(path)).toBe(false)
    }
    expect(isStorePath('journal/0000000000000001.seg')).toBe(true)
    expect(ARCHIVE_VERSION).toBe(1)
  })
})

test('(!) a restored store pays nothing out until the operator has looked', async () => {
  await site.enrol()
  expect((await site.ran('ledger', 'confirm')).error.join()).toMatch(/was not restored/)
  await roundTrip()
  const asked = await site.ran('ledger', 'withdraw', names.fleet, '1EUR')
  const { reference } = asked.data as { reference: string }
  const refused = await site.ran('ledger', 'pay-out', names.fleet, reference)
  expect(refused.code).toBe(exitCodes.failed)
  expect(refused.error.join()).toMatch(/restored from a backup of .*tickpay ledger confirm/)
  const confirmed = await site.ran('ledger', 'confirm')
  expect(confirmed.data).toMatchObject({ confirmedAtSeconds: expect.any(Number) })
  const after = await site.ran('ledger', 'pay-out', names.fleet, reference)
  expect(after.error.join()).toMatch(/notice|available|not over|until/)
  expect(after.error.join()).not.toMatch(/restored/)
})

test('what an interrupted backup left behind is not in the way, and is no backup', async () => {
  await site.enrol()
  mkdirSync(`${file()}.copies/cold`, { recursive: true })
  writeFileSync(`${file()}.copies/cold/data.mdb`, 'half')
  writeFileSync(`${file()}.part`, 'half')
  expect((await site.ran('restore', `${file()}.part`)).error.join()).toMatch(/damaged or cut short/)
  expect((await site.ran('backup', file())).code).toBe(0)
  expect(backups()).toEqual(['depot.backup'])
})

test('a backup that is being made is not started a second time, nor keeps a gateway', async () => {
  await site.enrol()
  const settings = await readGatewayConfig(site.at('gateway.yaml'))
  const { call, close } = await openOffline(
    settings,
    nodePorts(() => {}),
  )
  expect(await call('backup', { target: file() })).toMatchObject({ state: 'running' })
  const second = call('backup', { target: site.at('backups/second') })
  await expect(second).rejects.toThrow(/a backup is being made/)
  await close()
  expect(backups().filter((name) => name === 'second')).toEqual([])
})

test('nothing of a backup stays behind when it cannot be made', async () => {
  await site.enrol()
  const { code } = await site.ran('backup', file(), '--key-file', site.at('gateway.yaml'))
  expect(code).toBe(exitCodes.failed)
  expect(backups()).toEqual([])
  expect([...filesUnder(site.at('backups')).keys()]).toEqual([])
})
