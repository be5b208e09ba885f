/**
 * The channels that moved since the last entry of the journal: each once, in the order in which
 * they moved first. Two typed arrays, because a tick passes here.
 * @module
 */

export type DirtyList = {
  readonly add: (channel: number) => void
  readonly count: () => number
  /** The channel numbers, `count` of them; replaced by a later `add`. */
  readonly channels: () => Uint32Array
  readonly clear: () => void
}

const CAPACITY_MIN = 64

export function createDirtyList(): DirtyList {
  let channels = new Uint32Array(CAPACITY_MIN)
  /** By channel: 1 when it is in the list. */
  let marks = new Uint8Array(CAPACITY_MIN)
  let count = 0
  return {
    add: (channel) => {
      if (channel >= marks.length) {
        const larger = new Uint8Array(Math.max(channel + 1, 2 * marks.length))
        larger.set(marks)
        marks = larger
      }
      if (marks[channel] === 1) return
      marks[channel] = 1
      if (count === channels.length) {
        const larger = new Uint32Array(2 * count)
        larger.set(channels)
        channels = larger
      }
      channels[count++] = channel
    },
    count: () => count,
    channels: () => channels,
    clear: () => {
      for (let place = 0; place < count; place++) marks[channels[place] ?? 0] = 0
      count = 0
    },
  }
}
