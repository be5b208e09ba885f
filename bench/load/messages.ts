/**
 * What the suite asks of a load generator, and what it answers.
 * @module
 */
import type { Domain } from '../../protocol/typedData.ts'

export type DevicePlan = {
  readonly fleet: string
  readonly device: string
  /** Channel id of each slot; of any 32 bytes where nobody checks. */
  readonly channelIds: readonly Uint8Array[]
  /** Present for channels that an import has opened. */
  readonly opened?: OpenedPlan
}

/** The first epoch of imported channels. */
export type OpenedPlan = {
  readonly length: number
  readonly issuedAt: number
  readonly expiry: number
}

/** What a device needs to log in at a gateway and to commit; compared brokers need none of it. */
export type GatewayPlan = {
  readonly gateway: string
  readonly domain: Domain
  readonly tariffHash: Uint8Array
  readonly unitsPerTick: bigint
  readonly pricePerTick: bigint
  /** Behind an external broker a login needs no token, and a PUBACK says nothing of durability. */
  readonly door: 'embedded' | 'attached'
}

/** PEM. Each device's certificate is for the key that it signs with. */
export type TlsPlan = { readonly authority: string; readonly certificates: readonly string[] }

export type ConnectCommand = {
  readonly do: 'connect'
  readonly port: number
  readonly devices: readonly DevicePlan[]
  readonly gateway: GatewayPlan | undefined
  readonly tls?: TlsPlan | undefined
  /** `none`: the device does not listen to what the gateway tells it. */
  readonly listen: 'down' | 'none'
}

export type PrepareCommand = {
  readonly do: 'prepare'
  /**
   * Messages of each connection for the next window; each carries one tick of every slot. Where
   * nobody checks, a few are sent again and again.
   */
  readonly messages: number
  /** Windows that a new epoch is to last for, where one has to begin. */
  readonly windows: number
  /** Ticks that each message moves a channel on by; 1 when nothing is skipped. */
  readonly jump: number
}

type Window = {
  readonly warmMs: number
  readonly windowMs: number
  /** Processes whose CPU is read where the window begins and ends. */
  readonly watch: readonly number[]
}

export type ClosedCommand = Window & { readonly do: 'closed'; readonly inFlight: number }
/** `inFlight` messages in all: each acknowledgement lets the next device in turn send one. */
export type RotatingCommand = Window & { readonly do: 'rotating'; readonly inFlight: number }
export type OpenCommand = Window & { readonly do: 'open'; readonly messagesPerSecond: number }

/** Ticks steadily, and comes back by itself when the server has gone. */
export type ComebackCommand = { readonly do: 'comeback'; readonly messagesPerSecond: number }

export type ComebackStatus = {
  /** Devices whose connection ended and that have not paid since. */
  readonly away: number
  /** Devices of which the gateway held less than it had acknowledged. */
  readonly lost: number
  /** Connections that ended. */
  readonly ends: number
  /** Wall clock when the last device paid again. */
  readonly lastBackAtMs: number
  readonly acknowledged: number
  readonly inFlight: number
  readonly exhausted: number
}

/**
 * jump: the largest jumps that are allowed; wrong: words that do not meet, over the largest jump;
 * flood: ticks that are stale, as fast as possible.
 */
export type AttackKind = 'jump' | 'wrong' | 'flood'

export type AttackCommand = {
  readonly do: 'attack'
  /** Kinds at a pace, spread over the devices that do not flood. */
  readonly kinds: readonly Exclude<AttackKind, 'flood'>[]
  /** Of all those together. */
  readonly messagesPerSecond: number
  /** Devices that send whatever gets through. */
  readonly flooders: number
}

export type AttackStatus = {
  readonly sent: number
  /** Connections that the gateway has closed. */
  readonly closed: number
  readonly acknowledged: number
}

export type Command =
  | ComebackCommand
  | AttackCommand
  /** How the attack or the coming back goes, and its end. */
  | { readonly do: 'status' }
  | { readonly do: 'calm' }
  | ConnectCommand
  | PrepareCommand
  | ClosedCommand
  | RotatingCommand
  | OpenCommand

export type WindowResult = {
  /** Messages acknowledged within the window. */
  readonly messages: number
  readonly seconds: number
  /** Wall clock at the ends of the window. */
  readonly beganAtMs: number
  readonly endedAtMs: number
  /** CPU microseconds within the window: the generator's own, and of each watched process. */
  readonly ownCpuMicros: number
  readonly cpuMicros: readonly number[]
  /** Messages acknowledged since the packets were prepared, after the last one was. */
  readonly acknowledged: number
  /** Connections that had nothing left to send before the window ended. */
  readonly exhausted: number
  /** Answers on `down/...` since the connections were opened. */
  readonly downs: Readonly<Record<string, number>>
  readonly latencies: Latencies | undefined
}

/** Microseconds from when a message was due to its acknowledgement. */
export type Latencies = {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly highest: number
  readonly count: number
}

export type Result = WindowResult | ComebackStatus | AttackStatus | undefined

export type Question = { readonly id: number; readonly command: Command }
export type Answer = {
  readonly id: number
  readonly result?: Result | undefined
  readonly error?: string
}
