/**
 * What the suite asks of the process that floods a gateway, and what it answers.
 * @module
 */
import type { DevicePlan, GatewayPlan } from './messages.ts'

/** A static credential, as `credential_add` gives it. */
export type Login = { readonly username: string; readonly password: string }

export const floodKinds = {
  'slow-connect': 'connections that dribble a CONNECT, a byte a second',
  'slow-publish': 'logged-in devices that dribble a PUBLISH, a byte a second',
  connects: 'TCP connections that say nothing and go',
  'bad-connects': 'connections whose CONNECT is malformed',
  'bad-passwords': 'good-looking logins of devices with wrong signatures',
  'bad-secrets': 'logins of tools with wrong passwords',
  subscribes: 'logged-in devices that subscribe as fast as gets through',
  frozen: 'subscribers that read nothing',
  abandoned: 'sessions whose client is gone without a word',
} as const
export type FloodKind = keyof typeof floodKinds

export type FloodCommand =
  | {
      readonly do: 'ready'
      readonly port: number
      readonly gateway: GatewayPlan
      /** Devices that the attacker owns. */
      readonly devices: readonly DevicePlan[]
      readonly logins: readonly Login[]
      /** A device that is honest and only logs in, again and again. */
      readonly honest: DevicePlan
    }
  | {
      readonly do: 'flood'
      readonly kind: FloodKind
      /** Clients, or new connections a second where each lasts for a moment. */
      readonly size: number
    }
  | { readonly do: 'status' }
  | { readonly do: 'calm' }

export type FloodStatus = {
  /** Now open. */
  readonly open: number
  /** Connections tried and packets sent since the flood began. */
  readonly opened: number
  readonly packets: number
  /** Connections that the gateway has ended. */
  readonly ended: number
  /** Milliseconds that each honest login took; those that were refused are counted. */
  readonly loginsMs: readonly number[]
  readonly loginsRefused: number
  /** CPU microseconds of this process so far. */
  readonly ownCpuMicros: number
}
