/**
 * Until a checkpoint is answered its device shows nothing more of that channel: what it showed
 * beside it would be on two lines.
 * @module
 */
import { decodeAccept, decodeCommit, decodeReject, decodeSlot } from '../../protocol/messages.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import { countTicks, tickAt } from '../../protocol/tick.ts'
import { parseTopic } from '../../protocol/topics.ts'
import type { WorldRecord } from './record.ts'

export type Silence = {
  /** An honest device hands a message to its connection. */
  readonly sent: (topic: string, payload: Uint8Array) => void
  /** A message reaches a device. */
  readonly heard: (topic: string, payload: Uint8Array) => void
}

/** `isHonest` tells by its name whose device has to keep to it. */
export function watchSilence(record: WorldRecord, isHonest: (device: string) => boolean): Silence {
  /** Epochs of checkpoints that are under way, by `device/slot`. */
  const underWay = new Map<string, number>()
  return {
    sent: (text, payload) => {
      const topic = parseTopic(text)
      if (topic?.kind !== 'up' || !isHonest(topic.device)) return
      const commit = topic.name === 'commit' ? decodeCommit(payload) : undefined
      if (commit?.commitment.value.kind === CHECKPOINT) {
        underWay.set(`${topic.device}/${commit.slot}`, commit.commitment.value.epoch)
      }
      if (topic.name !== 'tick') return
      for (let place = 0; place < (countTicks(payload) ?? 0); place++) {
        const { epoch, slot } = tickAt(payload, place)
        const next = underWay.get(`${topic.device}/${slot}`)
        if (next === undefined || epoch >= next) continue
        const detail = `${topic.device}/${slot}: a word of ${epoch} before ${next} is accepted`
        record.violate('nothing is shown beside a checkpoint', detail)
      }
    },
    heard: (text, payload) => {
      const topic = parseTopic(text)
      if (topic?.kind !== 'down') return
      const slot = answeredSlot(topic.name, payload)
      if (slot !== undefined) underWay.delete(`${topic.device}/${slot}`)
    },
  }
}

/** The slot whose checkpoint need not be waited for any more. */
function answeredSlot(name: string, payload: Uint8Array): number | undefined {
  if (name === 'accept') return decodeAccept(payload)?.slot
  if (name === 'reject') return decodeReject(payload)?.slot
  return name === 'slot' ? decodeSlot(payload)?.slot : undefined
}
