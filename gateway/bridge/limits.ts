/**
 * Bounds of the connection to an external broker, with their reasons.
 * @module
 */
import { FLEET_PACKET_BYTES_MAX, PACKET_BYTES_MAX } from '../../protocol/limits.ts'

/** From opening the connection to the broker's answer to the subscriptions. */
export const CONNECT_TIMEOUT_MS = 10_000
export const KEEPALIVE_SECONDS = 30
/** Twice in a keep alive, so that one late timer costs nothing. */
export const PING_PERIOD_MS = 15_000
/** No byte for so long, although pings ask for one: the connection is dead. */
export const SILENCE_MS_MAX = 45_000
/** A connection that lasted this long was a good one: the next wait is short again. */
export const GOOD_CONNECTION_MS = 10_000
/** What was sent before the end of a connection may leave within this time. */
export const CLOSE_TIMEOUT_MS = 2_000

export type BridgeLimits = {
  /** A longer packet is skipped and acknowledged without being held in memory. */
  readonly packetBytesMax: number
  /** A longer packet on a device's topic is ignored. */
  readonly devicePacketBytesMax: number
  /**
   * Messages taken and not yet durable: reading stops here. Two commits of the fastest intake, and
   * far fewer than the journal lets wait.
   */
  readonly openMessagesMax: number
  /** What the broker has not yet read of us: beyond it, answers are dropped and asked for again. */
  readonly outgoingBytesMax: number
  /** Messages to the broker without its acknowledgement; a packet id has 16 bits. */
  readonly outgoingMessagesMax: number
  /** Retained messages are sent again no faster than the broker reads them. */
  readonly resendBytesMax: number
  readonly retainedTopicsMax: number
  /** Devices heard of; only those that are enrolled count. */
  readonly devicesMax: number
  /** Topics whose meaning is remembered: looking it up again costs about a microsecond. */
  readonly topicsMax: number
  readonly messagesPerSecond: number
  readonly messagesBurst: number
  /** An answer to hello is long, and anybody whom the broker lets may ask in a device's name. */
  readonly hellosPerSecond: number
  readonly hellosBurst: number
  /** Requests of one fleet. */
  readonly requestsPerSecond: number
  readonly requestsBurst: number
  /** A device that says nothing for so long is asked whether it is there. */
  readonly silentSessionMs: number
  /** Its session ends so long after a device was said to be gone, unless it speaks meanwhile. */
  readonly leaveMs: number
  /** Devices that are asked to say hello, a second: after a restart all of them are. */
  readonly callsPerSecond: number
}

export const defaultBridgeLimits: Omit<BridgeLimits, 'messagesPerSecond' | 'messagesBurst'> = {
  packetBytesMax: FLEET_PACKET_BYTES_MAX,
  devicePacketBytesMax: PACKET_BYTES_MAX,
  openMessagesMax: 32_768,
  outgoingBytesMax: 16 * 1_024 * 1_024,
  outgoingMessagesMax: 60_000,
  resendBytesMax: 1_024 * 1_024,
  retainedTopicsMax: 200_000,
  devicesMax: 200_000,
  topicsMax: 200_000,
  hellosPerSecond: 1,
  hellosBurst: 10,
  requestsPerSecond: 10,
  requestsBurst: 50,
  silentSessionMs: 600_000,
  leaveMs: 30_000,
  callsPerSecond: 500,
}
