/**
 * Devices that tick steadily and, when their connection ends, come back as agents do: with jittered
 * backoff, a new login, and on from what the gateway proves to hold.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { retryDelayMs } from '../../agent/backoff.ts'
import { LoadConnection } from './connection.ts'
import { heldIndex, type LoadDevice, logIn } from './device.ts'
import type { ComebackStatus } from './messages.ts'

const POLL_MS = 5
/**
 * Real devices have a processor each. Here all share one, and without a bound so many handshakes
 * are under way that none ends within its deadline.
 */
const LOGINS_AT_ONCE = 200
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) }

type Member = {
  readonly device: LoadDevice
  failures: number
  isOnline: boolean
  /** Messages acknowledged over all connections: indices, for nothing is skipped. */
  confirmed: number
  /** Its connection ended and it has not paid since. */
  isAway: boolean
}

export type Comeback = {
  readonly status: () => ComebackStatus
  /** Sends nothing more. */
  readonly stop: () => Promise<void>
}

/** Starts ticking, every device in its turn, `messagesPerSecond` in all. */
export function startComeback(
  devices: readonly LoadDevice[],
  port: number,
  messagesPerSecond: number,
): Comeback {
  const members = devices.map((device): Member => {
    return { device, failures: 0, isOnline: true, confirmed: 0, isAway: false }
  })
  const counts: Counts = { lost: 0, ends: 0, lastBackAtMs: 0, underway: 0, waiting: [] }
  for (const member of members) attend(member, port, counts)
  const startMs = performance.now()
  let turn = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * messagesPerSecond) / 1_000
    for (; turn < due; turn++) {
      const member = members[turn % members.length]
      if (member?.isOnline) member.device.connection.sendNext(1)
    }
  }, POLL_MS)
  return {
    status: () => ({
      lost: counts.lost,
      ends: counts.ends,
      lastBackAtMs: counts.lastBackAtMs,
      away: members.filter(({ isAway }) => isAway).length,
      acknowledged: members.reduce((sum, { confirmed }) => sum + confirmed, 0),
      inFlight: members.reduce((sum, { device }) => sum + device.connection.inFlight, 0),
      exhausted: members.filter(({ device }) => isExhausted(device)).length,
    }),
    stop: async () => clearInterval(timer),
  }
}

type Counts = {
  lost: number
  ends: number
  lastBackAtMs: number
  /** Logins that have begun and not ended, and those that wait for their turn. */
  underway: number
  readonly waiting: (() => void)[]
}

function inTurn(counts: Counts, login: () => Promise<void>): void {
  const begin = () => {
    counts.underway += 1
    void login().finally(() => {
      counts.underway -= 1
      counts.waiting.shift()?.()
    })
  }
  if (counts.underway < LOGINS_AT_ONCE) begin()
  else counts.waiting.push(begin)
}

function isExhausted({ connection }: LoadDevice): boolean {
  return connection.sent >= connection.packets.sendable
}

function attend(member: Member, port: number, counts: Counts): void {
  const { connection } = member.device
  connection.onAcknowledged = () => {
    member.confirmed = Math.max(member.confirmed, connection.acknowledged)
    if (!member.isAway) return
    member.isAway = false
    counts.lastBackAtMs = Date.now()
  }
  connection.onLost = () => {
    counts.ends += 1
    member.isOnline = false
    member.isAway = true
    member.failures += 1
    const again = () => inTurn(counts, () => comeBack(member, port, counts))
    setTimeout(again, retryDelayMs(member.failures, random))
  }
}

async function comeBack(member: Member, port: number, counts: Counts): Promise<void> {
  const { device } = member
  const { packets, name, secure } = device.connection
  const connection = new LoadConnection(name, secure)
  connection.packets = packets
  device.connection = connection
  connection.open(port)
  attend(member, port, counts)
  try {
    await logIn(device, 'down')
  } catch {
    connection.socket.destroy()
    return
  }
  // Every index below was acknowledged once: the gateway must not hold less.
  const held = heldIndex(device)
  if (held < member.confirmed) counts.lost += 1
  connection.sent = held
  connection.acknowledged = held
  member.isOnline = true
  member.failures = 0
}
