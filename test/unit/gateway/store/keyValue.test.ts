import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLmdb } from '../../../../gateway/store/io/lmdb.ts'
import type { KeyValue } from '../../../../ports/index.ts'
import { OperatorError } from '../../../../ports/operatorError.ts'
import { bytesToHex } from '../../../../protocol/bytes.ts'
import { memoryKeyValue } from '../../../support/memoryKeyValue.ts'

const bytes = (...values: number[]) => new Uint8Array(values)
const all = (store: KeyValue) =>
  [...store.range(bytes(), bytes(255, 255))].map(
    ([key, value]) => `${bytesToHex(key)}=${bytesToHex(value)}`,
  )

let folder = ''
let opened: KeyValue[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-kv-'))
  opened = []
})

afterEach(async () => {
  for (const store of opened) await store.close()
  await rm(folder, { recursive: true, force: true })
})

function lmdb(name = 'db'): KeyValue {
  const store = openLmdb(join(folder, name))
  opened.push(store)
  return store
}

describe.each([
  ['LMDB', () => lmdb()],
  ['memory', () => memoryKeyValue()],
])('%s', (_name, make) => {
  test('a write is visible at once and after it is durable', async () => {
    const store = make()
    const written = store.write([[bytes(1), bytes(10)]])
    expect(store.get(bytes(1))).toEqual(bytes(10))
    expect(all(store)).toEqual(['01=0a'])
    await written
    expect(store.get(bytes(1))).toEqual(bytes(10))
    expect(all(store)).toEqual(['01=0a'])
  })

  test('deletes and overwrites are visible at once', async () => {
    const store = make()
    await store.write([
      [bytes(1), bytes(10)],
      [bytes(2), bytes(20)],
      [bytes(3), bytes(30)],
    ])
    const written = store.write([
      [bytes(2), undefined],
      [bytes(3), bytes(31)],
    ])
    for (const settled of [async () => {}, () => written]) {
      await settled()
      expect(store.get(bytes(2))).toBeUndefined()
      expect(all(store)).toEqual(['01=0a', '03=1f'])
    }
  })

  test('the newest of several writes on their way wins', async () => {
    const store = make()
    const writes = [1, 2, 3].map((value) => store.write([[bytes(1), bytes(value)]]))
    expect(store.get(bytes(1))).toEqual(bytes(3))
    await Promise.all(writes)
    expect(store.get(bytes(1))).toEqual(bytes(3))
  })

  test('a range has its start and not its end', async () => {
    const store = make()
    await store.write([1, 2, 3, 4].map((key) => [bytes(key), bytes(key)] as const))
    const keys = [...store.range(bytes(2), bytes(4))].map(([key]) => key[0])
    expect(keys).toEqual([2, 3])
  })

  test('long ranges come whole and in order', async () => {
    const store = make()
    const keys = Array.from({ length: 1_000 }, (_, index) => bytes(index >> 8, index & 255))
    await store.write(keys.map((key) => [key, key] as const))
    expect([...store.range(bytes(0), bytes(4))].map(([key]) => key)).toEqual(keys)
  })

  test('buffers stay the callers own', async () => {
    const store = make()
    const [key, value] = [Buffer.from([1]), Buffer.from([10])]
    const written = store.write([[key, value]])
    key.fill(9)
    value.fill(9)
    await written
    store.get(bytes(1))?.fill(9)
    expect(all(store)).toEqual(['01=0a'])
  })

  test('an empty value is a value', async () => {
    const store = make()
    await store.write([[bytes(1), bytes()]])
    expect(store.get(bytes(1))).toEqual(bytes())
  })
})

test('LMDB: what was written is there after reopening', async () => {
  const store = openLmdb(join(folder, 'db'))
  await store.write([[bytes(1), bytes(10)]])
  await store.close()
  expect(lmdb().get(bytes(1))).toEqual(bytes(10))
})

test('LMDB: a folder that is a file is named', async () => {
  await writeFile(join(folder, 'file'), 'text')
  expect(() => openLmdb(join(folder, 'file'))).toThrow(OperatorError)
  expect(() => openLmdb(join(folder, 'file'))).toThrow(join(folder, 'file'))
})

test('LMDB and memory agree on any sequence of writes', async () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 })
  const value = fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined })
  const batches = fc.array(
    fc.record({ entries: fc.array(fc.tuple(key, value), { maxLength: 4 }), wait: fc.boolean() }),
    { maxLength: 8 },
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(batches, async (script) => {
      const [real, model] = [lmdb(`run${run++}`), memoryKeyValue()]
      const writes: Promise<void>[] = []
      for (const { entries, wait } of script) {
        writes.push(real.write(entries), model.write(entries))
        expect(all(real)).toEqual(all(model))
        if (wait) await Promise.all(writes)
        expect(all(real)).toEqual(all(model))
      }
      await Promise.all(writes)
      expect(all(real)).toEqual(all(model))
    }),
    { numRuns: 40 },
  )
})

test('memory: a crash forgets what was not durable', async () => {
  const store = memoryKeyValue()
  await store.write([[bytes(1), bytes(10)]])
  store.holdWrites()
  store.write([[bytes(1), bytes(11)]])
  expect(store.get(bytes(1))).toEqual(bytes(11))
  store.crash()
  expect(store.get(bytes(1))).toEqual(bytes(10))
})
