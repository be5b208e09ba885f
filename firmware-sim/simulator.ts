/**
 * A simulated meter that runs: time, lines and a file around the pure meter. A register is kept on
 * disk before it is reported, so that no restart shows less than anyone has seen.
 * @module
 */
import type { Disk, Ports, Serial } from '../ports/index.ts'
import type { MeterSimConfig, SimCommand } from './config.ts'
import { type Dice, diceFrom } from './dice.ts'
import { disturb, type LineFaults } from './lineFaults.ts'
import {
  type MeterState,
  reboot,
  rebootWithoutCounter,
  register,
  showRegister,
  stick,
  unstick,
} from './meter.ts'
import { type Action, personality } from './personality.ts'
import { drawBootId, type RunningMeter, runningMeter } from './runningMeter.ts'

/** Requests that wait while another is answered; more are lost, as in a small device. */
const waitingRequestsMax = 16
/** Without any host the register is kept this often. */
const keepEveryMs = 1_000
/** Pause between the pieces of a split message. */
const splitPauseMs = 3
/** How far before its end `roll_over` puts the register. */
const rollOverUnits = 50n

/** An open way in: a port that is reopened when it closes, or a listener. */
export type Lines = {
  /** The source an agent opens, as far as it is known: `tcp://127.0.0.1:43117`. */
  readonly where: string
  readonly close: () => Promise<void>
}

/** Calls `onLine` for every line that opens. Rejects with OperatorError when it can never open. */
export type OpenLines = (source: string, onLine: (line: Serial) => void) => Promise<Lines>

export type MeterSimWorld = {
  readonly openLines: OpenLines
  /** Where the state file lives; needed when the configuration names one. */
  readonly disk: Disk | undefined
}

export type MeterSim = {
  /** What the meter shows now, and what a kept file would bring back. */
  readonly register: () => bigint
  /** Everything that ever flowed, whatever faults did to the register. */
  readonly supplied: () => bigint
  readonly relayClosed: () => boolean
  readonly command: (command: SimCommand) => Promise<void>
  /** Where an agent finds this meter. */
  readonly where: () => string
  /** Closes the lines and keeps the register. */
  readonly close: () => Promise<void>
}

/**
 * Starts the meter that `config` describes; it continues where its state file ends.
 * @throws OperatorError when the file is damaged or the line can never open
 */
export async function startMeterSim(
  config: MeterSimConfig,
  ports: Ports,
  world: MeterSimWorld,
): Promise<MeterSim> {
  const meter = await runningMeter(config, ports, world.disk)
  const dice = diceFrom(config.seed)
  let { faults } = config
  const attend = (line: Serial) =>
    attendLine({ config, ports, meter, line, dice, faults: () => faults })
  const socket = await plugIn(config.line, ports, world.openLines, attend)
  const stopKeeping = ports.timers.every(keepEveryMs, () => void meter.keep())
  return {
    register: () => register(meter.now()),
    supplied: () => meter.now().supplied,
    relayClosed: () => meter.now().relay.closed,
    where: () => socket.where,
    command: async (command) => {
      if (command.kind === 'line') faults = { ...faults, ...command.faults }
      else if (command.kind === 'unplug') await socket.unplug(command.forMs)
      else meter.change(change(command.kind, drawBootId(ports)))
    },
    close: async () => {
      stopKeeping()
      await socket.close()
      await meter.keep()
    },
  }
}

/** The place where the cable sits: it can be pulled, and comes back by itself. */
type Socket = Lines & { readonly unplug: (forMs: number) => Promise<void> }

async function plugIn(
  source: string,
  ports: Ports,
  openLines: OpenLines,
  attend: (line: Serial) => void,
): Promise<Socket> {
  let lines: Lines | undefined = await openLines(source, attend)
  const { where } = lines
  let closed = false
  let cancelReplug = () => {}

  const pull = async () => {
    cancelReplug()
    const open = lines
    lines = undefined
    await open?.close()
  }
  const replug = async () => {
    const opened = await openLines(sameAgain(source, where), attend)
    if (closed) await opened.close()
    else lines = opened
  }
  return {
    where,
    unplug: async (forMs) => {
      await pull()
      cancelReplug = ports.timers.after(forMs, () => {
        replug().catch((error: unknown) => ports.log('error', String(error)))
      })
    },
    close: async () => {
      closed = true
      await pull()
    },
  }
}

/** A listener that was given any free port opens on that one again. */
function sameAgain(source: string, where: string): string {
  return source.startsWith('tcp-listen:') ? where.replace(/^tcp:/, 'tcp-listen:') : source
}

type Change = (state: MeterState) => MeterState

function change(kind: Exclude<SimCommand['kind'], 'line' | 'unplug'>, bootId: number): Change {
  switch (kind) {
    case 'reboot':
      return (state) => reboot(state, bootId)
    case 'reboot_without_counter':
      return (state) => rebootWithoutCounter(state, bootId)
    case 'roll_over':
      return (state) => showRegister(state, state.modulus - rollOverUnits)
    case 'stick':
      return stick
    case 'unstick':
      return unstick
  }
}

type Attended = {
  readonly config: MeterSimConfig
  readonly ports: Ports
  readonly meter: RunningMeter
  readonly line: Serial
  readonly dice: Dice
  readonly faults: () => LineFaults
}

/** Answers one line, a message at a time, in order. */
function attendLine(attended: Attended): void {
  const { config, ports, line, dice, faults } = attended
  const receive = personality(config)
  let waiting = 0
  let work = Promise.resolve()
  const take = (action: Action) => {
    if (waiting >= waitingRequestsMax) return
    waiting++
    work = work
      .then(() => answer(attended, action))
      .finally(() => {
        waiting--
      })
  }
  line.onData((chunk) => {
    // The line back splits; on the way here pieces would only arrive together again.
    const arrived = disturb(chunk, { ...faults(), split: 0 }, dice)
    for (const piece of arrived) receive(piece, ports.clock.monotonicMs()).forEach(take)
  })
}

async function answer(attended: Attended, action: Action): Promise<void> {
  const { meter, line, ports, dice, faults } = attended
  let reply: Uint8Array | undefined
  meter.change((state) => {
    const answered = action(state)
    reply = answered.reply
    return answered.state
  })
  if (reply === undefined || !(await meter.keep())) return
  const pieces = disturb(reply, faults(), dice)
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await new Promise<void>((done) => void ports.timers.after(splitPauseMs, done))
    await line.write(piece).catch(() => undefined)
  }
}
