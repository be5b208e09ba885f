import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDirtyList } from '../../../gateway/state/dirtyList.ts'

const number = fc.oneof(fc.nat(20), fc.nat(5_000))
const round = fc.array(number, { maxLength: 300 })

test('lists each channel once, in the order of its first move, and forgets it when cleared', () => {
  fc.assert(
    fc.property(fc.array(round, { maxLength: 5 }), (rounds) => {
      const list = createDirtyList()
      for (const channels of rounds) {
        for (const channel of channels) list.add(channel)
        const listed = Array.from(list.channels().subarray(0, list.count()))
        expect(listed).toEqual([...new Set(channels)])
        list.clear()
        expect(list.count()).toBe(0)
      }
    }),
  )
})
