/**
 * Hostile devices. They are enrolled and log in like any other, and then send what costs a gateway
 * most: the largest jumps that are allowed, words that are wrong, and more than they may.
 * @module
 */
import { forAll, LoadConnection } from './connection.ts'
import { heldIndex, type LoadDevice, logIn } from './device.ts'
import type { AttackCommand, AttackKind, AttackStatus } from './messages.ts'

const POLL_MS = 1
const RETURN_MS = 200
const LOGINS_AT_ONCE = 64
/** A flooder always has so many messages on their way: more than a device may have. */
const FLOOD_IN_FLIGHT = 64

type Attacker = { readonly device: LoadDevice; readonly kind: AttackKind; isOnline: boolean }

export type Attack = {
  readonly status: () => AttackStatus
  /** Ends it; every device logs in anew and goes on from what the gateway holds. */
  readonly stop: () => Promise<void>
}

/**
 * Starts the attack: the first devices flood, and the kinds are spread over the others. A device
 * that is closed for its wrong words logs in again.
 */
export function startAttack(
  devices: readonly LoadDevice[],
  port: number,
  { kinds, messagesPerSecond, flooders: flooding }: AttackCommand,
): Attack {
  const attackers = devices.map((device, place): Attacker => {
    const kind = place < flooding ? 'flood' : (kinds[place % kinds.length] ?? 'jump')
    return { device, kind, isOnline: true }
  })
  const paced = attackers.filter(({ kind }) => kind !== 'flood')
  const flooders = attackers.filter(({ kind }) => kind === 'flood')
  const counts = { sent: 0, closed: 0, acknowledged: 0, isOver: false }
  for (const { device } of attackers) device.downs['ack'] = 0
  for (const attacker of attackers) attend(attacker, port, counts)
  const startMs = performance.now()
  let turn = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * messagesPerSecond) / 1_000
    for (; turn < due; turn++) {
      const attacker = paced[turn % paced.length]
      if (attacker?.isOnline && strike(attacker)) counts.sent += 1
    }
    for (const attacker of flooders) {
      while (attacker.isOnline && strike(attacker)) counts.sent += 1
    }
  }, POLL_MS)
  const stop = async () => {
    clearInterval(timer)
    counts.isOver = true
    await forAll(devices, LOGINS_AT_ONCE, (device) => becomeHonest(device, port))
  }
  return { status: () => ({ ...counts }), stop }
}

type Counts = { sent: number; closed: number; acknowledged: number; isOver: boolean }

async function becomeHonest(device: LoadDevice, port: number): Promise<void> {
  device.connection.onLost = () => {}
  device.connection.socket.destroy()
  openAgain(device, port)
  await logIn(device, 'down')
  device.position = heldIndex(device)
}

function openAgain(device: LoadDevice, port: number): void {
  const { packets, name } = device.connection
  device.connection = new LoadConnection(name)
  device.connection.packets = packets
  device.connection.open(port)
}

function attend(attacker: Attacker, port: number, counts: Counts): void {
  const { device } = attacker
  const { connection } = device
  connection.onAcknowledged = (_, count) => {
    counts.acknowledged += count
  }
  connection.onLost = () => {
    counts.closed += 1
    attacker.isOnline = false
    setTimeout(() => comeBack(attacker, port, counts), RETURN_MS)
  }
}

function comeBack(attacker: Attacker, port: number, counts: Counts): void {
  if (counts.isOver) return
  const { device } = attacker
  openAgain(device, port)
  attend(attacker, port, counts)
  logIn(device, 'down').then(
    () => {
      attacker.isOnline = true
    },
    () => {
      if (!counts.isOver) device.connection.socket.destroy()
    },
  )
}

/** Sends one packet again and again: what was refused is just as expensive the next time. */
function strike({ device, kind }: Attacker): boolean {
  const { connection } = device
  if (connection.inFlight >= FLOOD_IN_FLIGHT) return false
  const { bytes, size, count } = connection.packets
  // Jumps go on from what the gateway accepted last; every other packet stands still.
  const next = kind === 'jump' ? Math.min(count - 1, device.downs['ack'] ?? 0) : 0
  const packet = bytes.subarray(next * size, (next + 1) * size)
  connection.sent += 1
  connection.socket.write(kind === 'wrong' ? spoiled(packet) : packet)
  return true
}

function spoiled(packet: Buffer): Buffer {
  const copy = Buffer.from(packet)
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1
  return copy
}
