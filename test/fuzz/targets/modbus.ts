/**
 * Modbus RTU as the agent hears it: an answer counts only when the bytes that came hold a whole
 * reply to the very request with a good checksum, and a meter's number only when it can be one.
 * @module
 */
import { openModbus } from '../../../agent/io/modbus.ts'
import { readEnergy } from '../../../agent/meters/eastron.ts'
import type { ModbusAnswer } from '../../../agent/meters/modbusMaster.ts'
import { crc16 } from '../../../firmware-sim/modbus.ts'
import type { Serial, Timers } from '../../../ports/index.ts'
import { bytesToHex, concatBytes } from '../../../protocol/bytes.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

type Request = {
  readonly name: string
  readonly unit: number
  /** What the reply is after unit and function: its content by its place. */
  readonly reply: (dice: Dice) => Uint8Array
  readonly ask: (master: ReturnType<typeof openModbus>) => Promise<ModbusAnswer<unknown>>
  /** Bytes of a whole reply, with its checksum, and its function. */
  readonly length: number
  readonly code: number
}

const floats = [0, 1.5, -1, 1e9, 1e30, Number.NaN, Number.POSITIVE_INFINITY, 123.456]

function float(dice: Dice): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, dice.pick(floats))
  return bytes
}

const requests: readonly Request[] = [
  {
    name: 'energy',
    unit: 1,
    code: 4,
    length: 13,
    reply: (dice) => concatBytes(Uint8Array.of(8), float(dice), float(dice)),
    ask: (master) => readEnergy(master, 1),
  },
  {
    name: 'holding',
    unit: 3,
    code: 3,
    length: 9,
    reply: (dice) => concatBytes(Uint8Array.of(4), dice.bytes(4)),
    ask: (master) => master.readHolding(3, 0xfc00, 2),
  },
  {
    name: 'coil',
    unit: 2,
    code: 1,
    length: 6,
    reply: (dice) => Uint8Array.of(1, dice.below(256)),
    ask: (master) => master.readCoil(2, 0),
  },
  {
    name: 'write',
    unit: 2,
    code: 5,
    length: 8,
    reply: (dice) => Uint8Array.of(0, 0, dice.pick([255, 0, 1]), 0),
    ask: (master) => master.writeCoil(2, 0, true),
  },
]

function withSum(bytes: Uint8Array): Uint8Array {
  const sum = crc16(bytes)
  return concatBytes(bytes, Uint8Array.of(sum & 0xff, sum >> 8))
}

/** Bytes on the line: noise, echoes, replies of others, damaged and good ones. */
function somePart(dice: Dice, { unit, code, reply }: Request): Uint8Array {
  const good = withSum(concatBytes(Uint8Array.of(unit, code), reply(dice)))
  switch (dice.below(7)) {
    case 0:
      return dice.bytes(dice.size(30))
    case 1:
      return damaged(dice, good)
    case 2:
      // Changed, and summed again.
      return withSum(damaged(dice, good.slice(0, -2)))
    case 3:
      return withSum(concatBytes(Uint8Array.of(unit + 1, code), reply(dice)))
    case 4:
      return withSum(Uint8Array.of(unit, code | 0x80, dice.below(12)))
    default:
      return good
  }
}

/** A line of which one end is ours; timers stand still until told otherwise. */
function line() {
  const listeners: ((bytes: Uint8Array) => void)[] = []
  const waiting: (() => void)[] = []
  const serial: Serial = {
    write: async () => {},
    onData: (listener) => {
      listeners.push(listener)
    },
    onClose: () => {},
    close: async () => {},
  }
  const after = (_: number, run: () => void) => {
    waiting.push(run)
    return () => {
      waiting.splice(waiting.indexOf(run), 1)
    }
  }
  const timers: Timers = { after, every: after, soon: (run) => run() } as Timers
  return {
    serial,
    timers,
    hear: (bytes: Uint8Array) => {
      for (const listener of listeners) listener(bytes)
    },
    timeOut: () => {
      for (const run of waiting.splice(0)) run()
    },
  }
}

/** Whether the bytes hold a reply of this unit to this function somewhere, by brute force. */
function holdsReply(heard: Uint8Array, { unit, code, length }: Request): boolean {
  for (let at = 0; at + 5 <= heard.length; at++) {
    for (const size of [length, 5]) {
      const piece = heard.slice(at, at + size)
      const isException = size === 5 && piece[1] === (code | 0x80)
      if (piece.length < size || piece[0] !== unit) continue
      if (piece[1] !== code && !isException) continue
      if (bytesToHex(withSum(piece.slice(0, -2))) === bytesToHex(piece)) return true
    }
  }
  return false
}

async function check(input: Uint8Array): Promise<string | undefined> {
  const dice = diceOf(input)
  const request = dice.pick(requests)
  const { serial, timers, hear, timeOut } = line()
  const asked = request.ask(openModbus(serial, timers, 100))
  const parts = Array.from({ length: 1 + dice.below(4) }, () => somePart(dice, request))
  const heard = concatBytes(...parts)
  const piece = 1 + dice.below(40)
  for (let at = 0; at < heard.length; at += piece) hear(heard.slice(at, at + piece))
  timeOut()
  const answer = await asked
  if (!answer.ok) return undefined
  if (!holdsReply(heard, request)) return `${request.name} was answered by ${bytesToHex(heard)}`
  const { value } = answer
  const isRegister = typeof value === 'bigint' && value >= 0n && value < 1_000_000_000_000n
  return request.name === 'energy' && !isRegister ? `energy is ${String(value)}` : undefined
}

const generate = (dice: Dice) => dice.bytes(20 + dice.size(120))

export const modbusTarget: Target = { name: 'modbus', quickRuns: 400, generate, check }
