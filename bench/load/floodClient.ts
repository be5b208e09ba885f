/**
 * Sockets of a flood. Their addresses are the attacker's own, other than those of honest devices;
 * all of 127.0.0.0/8 is this machine.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { clientIdOf, encodeConnect } from '../../protocol/connect.ts'
import type { DevicePlan, GatewayPlan } from './messages.ts'

/** Addresses of the attacker: a small botnet. */
const ADDRESSES = 8
const SIGNATURE_BYTES = 64
const HALF = SIGNATURE_BYTES / 2

export type Counts = { open: number; opened: number; packets: number; ended: number }

/** Opens connection number `place`; `onEnd` when the gateway or the network has ended it. */
export function openClient(
  port: number,
  place: number,
  counts: Counts,
  onEnd: () => void,
): Promise<Socket | undefined> {
  counts.opened += 1
  const localAddress = `127.0.1.${1 + (place % ADDRESSES)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  socket.on('error', () => {})
  return new Promise((resolve) => {
    let isOpen = false
    socket.once('connect', () => {
      isOpen = true
      counts.open += 1
      resolve(socket)
    })
    socket.once('close', () => {
      if (isOpen) counts.open -= 1
      counts.ended += 1
      resolve(undefined)
      onEnd()
    })
  })
}

/** A password of a device that is right in everything but its signature. */
export function wrongPassword(plan: DevicePlan, gateway: GatewayPlan): Uint8Array {
  const value = {
    gateway: gateway.gateway,
    fleet: plan.fleet,
    device: plan.device,
    issuedAt: Math.floor(Date.now() / 1_000),
    nonce: new Uint8Array(randomBytes(32)),
  }
  const signature = new Uint8Array(randomBytes(SIGNATURE_BYTES))
  // Both numbers are low, so that the gateway has to look at the curve to know.
  signature[0] = 1
  signature[HALF] = 1
  return encodeConnect({ value, signature })
}

export function nameOf({ fleet, device }: DevicePlan): string {
  return clientIdOf(fleet, device)
}
