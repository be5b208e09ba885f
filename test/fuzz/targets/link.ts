/**
 * The firmware link: frames in noise, in any pieces, and the messages inside them.
 * @module
 */
import { bytesToHex, concatBytes, equalBytes } from '../../../protocol/bytes.ts'
import {
  cobsDecode,
  cobsEncode,
  crc32,
  encodeFrame,
  frameDecoder,
} from '../../../protocol/frame.ts'
import type { HostMessage, Status } from '../../../protocol/frameMessages.ts'
import {
  decodeHostMessage,
  decodeStatus,
  encodeHostMessage,
  encodeStatus,
} from '../../../protocol/frameMessages.ts'
import type { Dice } from '../dice.ts'
import { damaged, perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'

const status: Status = {
  sequence: 7,
  deviceId: 0x1234_5678_9abc_def0n,
  bootId: 99,
  uptimeMs: 60_000n,
  counter: 1_000n,
  relayLimit: 1_016n,
  counterBits: 32,
  unit: 'Wh',
  relayClosed: true,
  counterLost: false,
  pulsesStuck: false,
  relayFailed: false,
  flowing: true,
}
const hostMessages: readonly HostMessage[] = [
  { kind: 'query', sequence: 1 },
  { kind: 'supply_off', sequence: 65_535 },
  { kind: 'supply_on', sequence: 2, untilRegister: 1n << 63n },
]

function somePart(dice: Dice): Uint8Array {
  switch (dice.below(6)) {
    case 0:
      return dice.bytes(dice.size(80))
    case 1:
      return encodeStatus({
        ...status,
        sequence: dice.below(65_536),
        counter: BigInt(dice.below(99)),
      })
    case 2:
      return encodeHostMessage(dice.pick(hostMessages))
    case 3:
      // A good sum over a body that means nothing, or nearly something.
      return encodeFrame(damaged(dice, bodyOf(encodeStatus(status))).slice(0, 60))
    case 4:
      return encodeFrame(dice.bytes(dice.size(60)))
    default:
      return perhapsDamaged(dice, encodeStatus(status))
  }
}

function bodyOf(frame: Uint8Array): Uint8Array {
  return frameDecoder().push(frame)[0] ?? new Uint8Array(0)
}

/** The first byte says how the rest is cut into pieces. */
function generate(dice: Dice): Uint8Array {
  const parts = Array.from({ length: 1 + dice.size(4) }, () => somePart(dice))
  return concatBytes(dice.bytes(1), ...parts)
}

/** Frames of a stream, by splitting it at the delimiters. */
function modelBodies(stream: Uint8Array): readonly Uint8Array[] {
  const bodies: Uint8Array[] = []
  for (let start = 0; ; ) {
    const end = stream.indexOf(0, start)
    if (end === -1) return bodies
    const encoded = stream.subarray(start, end)
    start = end + 1
    const whole = encoded.length <= 65 ? cobsDecode(encoded) : undefined
    if (whole === undefined || whole.length < 8) continue
    const body = whole.slice(0, -4)
    const sum = Number(`0x${bytesToHex(whole.slice(-4))}`)
    if (sum === crc32(body)) bodies.push(body)
  }
}

function check(input: Uint8Array): string | undefined {
  const size = 1 + ((input[0] ?? 0) % 70)
  const stream = input.subarray(1)
  const decoder = frameDecoder()
  const bodies: Uint8Array[] = []
  for (let at = 0; at < stream.length; at += size) {
    bodies.push(...decoder.push(stream.subarray(at, at + size)))
  }
  const found = bodies.map(bytesToHex).join(' ')
  const expected = modelBodies(stream).map(bytesToHex).join(' ')
  if (found !== expected) return `found ${found}, expected ${expected}`
  const packed = cobsEncode(stream)
  if (packed.includes(0)) return 'COBS left a zero'
  const back = cobsDecode(packed)
  if (back === undefined || !equalBytes(back, stream)) return 'COBS does not come back'
  return [...bodies, stream].map(checkBody).find((one) => one !== undefined)
}

function checkBody(body: Uint8Array): string | undefined {
  const read = decodeStatus(body)
  if (read && !equalBytes(bodyOf(encodeStatus(read)), body)) return 'a status comes back otherwise'
  const host = decodeHostMessage(body)
  if (host && !equalBytes(bodyOf(encodeHostMessage(host)), body)) {
    return 'a host message comes back otherwise'
  }
  return undefined
}

export const linkTarget: Target = { name: 'link', quickRuns: 2_000, generate, check }
