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
}

/** What a device needs to log in at a gateway and to commit; compared brokers need none of it. */
export type GatewayPlan = {
  readonly gateway: string
  readonly domain: Domain
  readonly tariffHash: Uint8Array
  readonly unitsPerTick: bigint
  readonly pricePerTick: bigint
}

export type ConnectCommand = {
  readonly do: 'connect'
  readonly port: number
  readonly devices: readonly DevicePlan[]
  readonly gateway: GatewayPlan | undefined
  /** `none`: the device does not listen to what the gateway tells it. */
  readonly listen: 'down' | 'none'
}

export type PrepareCommand = {
  readonly do: 'prepare'
  /** Messages of each connection; each carries one tick of every slot. */
  readonly messages: number
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
export type OpenCommand = Window & { readonly do: 'open'; readonly messagesPerSecond: number }

export type Command =
  | ConnectCommand
  | PrepareCommand
  | ClosedCommand
  | OpenCommand
  | { readonly do: 'quit' }

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

export type Question = { readonly id: number; readonly command: Command }
export type Answer = {
  readonly id: number
  readonly result?: WindowResult | undefined
  readonly error?: string
}
