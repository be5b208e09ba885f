/** LMDB files that were cut short or altered are named before LMDB maps them into memory. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findDamage } from '../../../../gateway/store/io/databasePages.ts'
import { openLmdb } from '../../../../gateway/store/io/lmdb.ts'

const pageBytes = 4_096
let folder: string
let file: string
let whole: Buffer

/** Enough entries for a tree of three levels, some of them too large for a page, some removed. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-pages-'))
  file = join(folder, 'data.mdb')
  const database = openLmdb(folder)
  const key = (number: number) => Buffer.from(`${'k'.repeat(200)} ${`${number}`.padStart(6, '0')}`)
  const value = (number: number) => Buffer.alloc(number % 50 === 0 ? 9_000 : 300, number)
  for (let from = 0; from < 600; from += 100) {
    const numbers = Array.from({ length: 100 }, (_, at) => from + at)
    await database.write(numbers.map((number) => [key(number), value(number)] as const))
  }
  await database.write(
    Array.from({ length: 80 }, (_, number) => [key(number * 3), undefined] as const),
  )
  await database.close()
  whole = readFileSync(file)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function damageOf(bytes: Uint8Array): string | undefined {
  writeFileSync(file, bytes)
  return findDamage(file)
}

test('a sound file, an empty one and none are left to LMDB', () => {
  expect(damageOf(whole)).toBeUndefined()
  expect(damageOf(new Uint8Array())).toBeUndefined()
  expect(findDamage(join(folder, 'nothing'))).toBeUndefined()
})

test('(!) a file that was cut short is refused, and the line says where', () => {
  const pages = whole.length / pageBytes
  // Pages at its end may be free.
  for (let left = 1; left < pages * 0.9; left += 7) {
    const damage = damageOf(whole.subarray(0, left * pageBytes - 100))
    expect(damage, `${left} pages`).toMatch(/cut off (before page \d+|in its (first|second) page)/)
    expect(() => openLmdb(folder)).toThrow(
      /data\.mdb is damaged .* restore the store from a backup/,
    )
  }
})

test('(!) every altered page of the tree is found or harmless', () => {
  let found = 0
  for (let page = 2; page < whole.length / pageBytes; page++) {
    // Number, flags, bounds, places of nodes: what LMDB follows without looking.
    for (const at of [0, 7, 18, 20, 21, 23, 25, 31]) {
      const altered = Buffer.from(whole)
      altered[page * pageBytes + at] = (altered[page * pageBytes + at] ?? 0) ^ 0xa0
      const damage = damageOf(altered)
      if (damage === undefined) continue
      found += 1
      expect(damage).toMatch(new RegExp(`page ${page}\\b|no page of it|cut off before`))
    }
  }
  expect(found).toBeGreaterThan((whole.length / pageBytes) * 4)
})
