/** Sealing: the cipher, its nonces, the ring of keys, and databases that tell no names. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { journalSeal } from '../../../../gateway/store/box.ts'
import { createKeyHider } from '../../../../gateway/store/hiddenKeys.ts'
import {
  createBox,
  openRing,
  SEALED_OVERHEAD_BYTES,
  sealRing,
} from '../../../../gateway/store/io/aesBox.ts'
import { openJournal } from '../../../../gateway/store/journal.ts'
import {
  decodeRing,
  encodeRing,
  keyInUse,
  newRing,
  withNewKey,
  withoutUnused,
} from '../../../../gateway/store/ring.ts'
import { sealedDisk } from '../../../../gateway/store/sealedDisk.ts'
import { sealedKeyValue } from '../../../../gateway/store/sealedKeyValue.ts'
import { readNewestSnapshot, writeSnapshot } from '../../../../gateway/store/snapshot.ts'
import { fastSha256 } from '../../../../ledger/io/fastVerify.ts'
import { nodeRandom } from '../../../../ports/io/node.ts'
import { bytesToHex, utf8ToBytes } from '../../../../protocol/bytes.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'
import { memoryKeyValue } from '../../../support/memoryKeyValue.ts'

const ring = newRing(nodeRandom)
const place = utf8ToBytes('here')
const secret = utf8ToBytes('a secret')

describe('a box', () => {
  const box = createBox(ring, 'journal')

  test('opens what it sealed, and nothing that was altered in any byte', () => {
    const sealed = box.seal(place, secret)
    expect(sealed).toHaveLength(SEALED_OVERHEAD_BYTES + secret.length)
    expect(box.open(1, place, sealed)).toEqual(secret)
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice()
      altered[at] = (altered[at] ?? 0) ^ 1
      expect(box.open(1, place, altered)).toBeUndefined()
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(box.open(1, place, sealed.slice(0, length))).toBeUndefined()
    }
  })

  test('opens only at its place, for its purpose, with its key, in its store', () => {
    const sealed = box.seal(place, secret)
    expect(box.open(1, utf8ToBytes('there'), sealed)).toBeUndefined()
    expect(box.open(2, place, sealed)).toBeUndefined()
    expect(createBox(ring, 'cold').open(1, place, sealed)).toBeUndefined()
    expect(createBox(newRing(nodeRandom), 'journal').open(1, place, sealed)).toBeUndefined()
    expect(createBox(ring, 'journal').open(1, place, sealed)).toEqual(secret)
  })

  test('never uses a nonce twice for a key: not in a box, not after a start', () => {
    const seen = new Set<string>()
    for (let start = 0; start < 20; start++) {
      const again = createBox(ring, 'journal')
      for (let i = 0; i < 50; i++) {
        // The salt makes the key, the counter is the nonce.
        seen.add(bytesToHex(again.seal(place, secret).subarray(0, 24)))
      }
    }
    expect(seen.size).toBe(1_000)
  })

  test('seals an empty value', () => {
    expect(box.open(1, place, box.seal(place, new Uint8Array()))).toEqual(new Uint8Array())
  })
})

describe('a ring', () => {
  test('opens with its key and no other', () => {
    const key = nodeRandom.bytes(32)
    const sealed = sealRing(key, ring)
    expect(openRing(key, sealed)).toEqual(ring)
    expect(openRing(nodeRandom.bytes(32), sealed)).toBeUndefined()
    expect(bytesToHex(sealed)).not.toContain(bytesToHex(keyInUse(ring).key))
  })

  test('keeps former keys as long as something is sealed with them', () => {
    const second = withNewKey(ring, nodeRandom)
    const sealed = createBox(ring, 'cold').seal(place, secret)
    expect(keyInUse(second).id).toBe(2)
    expect(createBox(second, 'cold').open(1, place, sealed)).toEqual(secret)
    expect(withoutUnused(second, new Set([1]))).toEqual(second)
    const alone = withoutUnused(second, new Set())
    expect(alone.keys.map(({ id }) => id)).toEqual([2])
    expect(createBox(alone, 'cold').open(1, place, sealed)).toBeUndefined()
  })

  test('gives ids in turn and never one that is taken or stands for no key', () => {
    let turning = ring
    const given: number[] = []
    for (let i = 0; i < 600; i++) {
      turning = withoutUnused(withNewKey(turning, nodeRandom), new Set([1]))
      given.push(keyInUse(turning).id)
    }
    expect(new Set(given.slice(0, 254)).size).toBe(254)
    expect(given).not.toContain(0)
    expect(given).not.toContain(1)
    expect(Math.max(...given)).toBe(255)
  })

  test('of another form is not read', () => {
    const bytes = encodeRing(ring)
    expect(decodeRing(bytes)).toEqual(ring)
    expect(decodeRing(bytes.slice(0, -1))).toBeUndefined()
    expect(decodeRing(new Uint8Array([2, ...bytes.slice(1)]))).toBeUndefined()
    expect(decodeRing(bytes.slice(0, 33))).toBeUndefined()
  })
})

describe('a journal and its snapshots', () => {
  const records = ['one', 'two', 'three']

  async function written() {
    const disk = memoryDisk()
    const seal = journalSeal(createBox(ring, 'journal'))
    const journal = await openJournal(disk, { seal })
    for (const text of records) {
      journal.append(utf8ToBytes(text))
      await journal.flush()
    }
    return { disk }
  }

  async function read(disk: ReturnType<typeof memoryDisk>, from: typeof ring) {
    const texts: string[] = []
    await openJournal(disk, {
      seal: journalSeal(createBox(from, 'journal')),
      onEntry: ({ payload }) => texts.push(new TextDecoder().decode(payload)),
    })
    return texts
  }

  test('are read with their keys, also after a rotation', async () => {
    const { disk } = await written()
    const rotated = withNewKey(ring, nodeRandom)
    expect(await read(disk, rotated)).toEqual(records)
    await expect(read(disk, newRing(nodeRandom))).rejects.toThrow(/sealed with key 1/)
  })

  test('(!) take no record that is not sealed: whoever writes one has no key', async () => {
    const { disk } = await written()
    const forged = memoryDisk()
    const plain = await openJournal(forged, {})
    plain.append(utf8ToBytes('forged'))
    await plain.flush()
    await expect(read(forged, ring)).rejects.toThrow(/byte 0 is not sealed/)
    expect(await read(disk, ring)).toEqual(records)
  })

  test('a snapshot is sealed; one that does not open counts as damaged', async () => {
    const disk = memoryDisk()
    const sealed = sealedDisk(disk, createBox(ring, 'snapshot'))
    await writeSnapshot(sealed, { position: 1n, state: secret })
    await writeSnapshot(sealed, { position: 2n, state: secret })
    const [first = '', second = ''] = disk.paths()
    expect(bytesToHex(disk.bytes(second) ?? new Uint8Array())).not.toContain(bytesToHex(secret))
    expect((await readNewestSnapshot(sealed)).snapshot).toEqual({ position: 2n, state: secret })
    // In the place of the other it does not open either.
    disk.put(second, disk.bytes(first) ?? new Uint8Array())
    const reading = await readNewestSnapshot(sealed)
    expect(reading).toEqual({ snapshot: { position: 1n, state: secret }, damaged: [second] })
  })
})

describe('a sealed database', () => {
  const digest = (bytes: Uint8Array) => fastSha256(bytes)
  const open = () => {
    const stored = memoryKeyValue()
    const hider = createKeyHider({ n: 0, C: 4 }, digest)
    return { stored, store: sealedKeyValue(stored, createBox(ring, 'cold'), hider, 'cold') }
  }
  const byte = fc.nat({ max: 3 })
  const key = fc
    .tuple(fc.constantFrom('n', 'C', 'A', 'd'), fc.array(byte, { maxLength: 7 }))
    .map(([letter, rest]) => new Uint8Array([letter.charCodeAt(0), ...rest]))
  const entry = fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }))

  test('answers as one that is not sealed, ranges included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry), key, key, async (entries, from, to) => {
        const { store } = open()
        const plain = memoryKeyValue()
        for (const one of entries) {
          await store.write([one])
          await plain.write([one])
          expect(store.get(one[0])).toEqual(plain.get(one[0]))
        }
        expect([...store.range(from, to)]).toEqual([...plain.range(from, to)])
        const [least, most] = [new Uint8Array([0]), new Uint8Array([0xff])]
        expect([...store.range(least, most)]).toEqual([...plain.range(least, most)])
      }),
      { numRuns: 200 },
    )
  })

  test('tells neither names nor values', async () => {
    const { stored, store } = open()
    await store.write([[utf8ToBytes('dacme/ev-1'), secret]])
    await store.write([[utf8ToBytes('n0001'), secret]])
    const all = [...stored.range(new Uint8Array([0]), new Uint8Array([0xff]))]
    const text = all.map(([key, value]) => bytesToHex(key) + bytesToHex(value)).join()
    expect(text).not.toContain(bytesToHex(utf8ToBytes('acme')))
    expect(text).not.toContain(bytesToHex(secret))
    expect(text).toContain(bytesToHex(utf8ToBytes('n0001')))
  })

  test('(!) gives no value for another key, and none that was altered', async () => {
    const { stored, store } = open()
    const [one, two] = [utf8ToBytes('n1'), utf8ToBytes('n2')]
    await store.write([
      [one, secret],
      [two, place],
    ])
    await stored.write([[one, stored.get(two)]])
    expect(() => store.get(one)).toThrow(/"cold".*altered.*restore/)
    expect(() => [...store.range(one, two)]).toThrow(/altered/)
  })
})
