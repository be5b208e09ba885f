/**
 * Bounds of the broker in one object, so that a configuration can raise them and a test can
 * shorten them. Reasons stand in protocol/limits.ts for those that are part of the protocol.
 * @module
 */
import {
  CONNECT_DEADLINE_MS,
  DRAIN_TIMEOUT_MS,
  FLEET_PACKET_BYTES_MAX,
  HANDSHAKE_DEADLINE_MS,
  IN_FLIGHT_MAX,
  KEEPALIVE_SECONDS_MAX,
  KEEPALIVE_SECONDS_MIN,
  MESSAGES_BURST,
  MESSAGES_PER_SECOND,
  PACKET_BYTES_MAX,
  QUEUE_MESSAGES_MAX,
  TOPIC_LEVELS_MAX,
  WILL_BYTES_MAX,
} from '../../protocol/limits.ts'

export type BrokerLimits = {
  readonly packetBytesMax: number
  readonly fleetPacketBytesMax: number
  readonly topicLevelsMax: number
  readonly willBytesMax: number
  readonly connectDeadlineMs: number
  /** From the first byte to the end of the TLS handshake. */
  readonly handshakeDeadlineMs: number
  /** TLS handshakes that are not over, over all listeners of one kind. */
  readonly handshakesMax: number
  /** In a crowd a handshake that has taken longer gives way to a new one. */
  readonly handshakeGraceMs: number
  readonly keepaliveSecondsMin: number
  readonly keepaliveSecondsMax: number
  readonly inFlightMax: number
  readonly queueMessagesMax: number
  /**
   * Payload bytes that wait for all clients together: beyond them whoever does not read is cut off
   * at once. A device with 64 channels has 64 KB of receipts.
   */
  readonly waitingBytesMax: number
  readonly drainTimeoutMs: number
  readonly messagesPerSecond: number
  readonly messagesBurst: number
  /**
   * Subscriptions, pings and acknowledgements of one client: at once as many subscriptions as it
   * may have filters, then four a second, so that 200 clients that do nothing else stay cheap.
   */
  readonly controlPerSecond: number
  readonly controlBurst: number
  readonly connectionsMax: number
  /** Connections that have not logged in yet: they hold memory and have shown nothing. */
  readonly pendingConnectionsMax: number
  /** When there are so many, one that has been silent for longer gives way to a new one. */
  readonly silentGraceMs: number
  /** Lines of one address, this machine's own apart, that came to nothing by their own fault. */
  readonly failedLoginsPerSecond: number
  readonly failedLoginsBurst: number
  /** Addresses of which failures are remembered. */
  readonly failedAddressesMax: number
  /** Logins judged in one turn of the event loop: a signature each, some 0.1 ms. */
  readonly loginsPerTurn: number
  /** When so many connections have ended, memory is given back after a while. */
  readonly crowdMin: number
  readonly tidyDelayMs: number
  readonly filtersPerSessionMax: number
  /** Sessions of one static credential: a person's tools. */
  readonly sessionsPerReaderMax: number
  /** Sessions of one device that only learn the time. */
  readonly staleSessionsPerDeviceMax: number
  /** Such a session has received the time long before. */
  readonly staleSessionMs: number
  readonly retainedTopicsMax: number
  /** A session that is being closed may take what was sent to it for so long. */
  readonly closeGraceMs: number
}

export const defaultBrokerLimits: BrokerLimits = {
  packetBytesMax: PACKET_BYTES_MAX,
  fleetPacketBytesMax: FLEET_PACKET_BYTES_MAX,
  topicLevelsMax: TOPIC_LEVELS_MAX,
  willBytesMax: WILL_BYTES_MAX,
  connectDeadlineMs: CONNECT_DEADLINE_MS,
  handshakeDeadlineMs: HANDSHAKE_DEADLINE_MS,
  handshakesMax: 1_000,
  handshakeGraceMs: 1_000,
  keepaliveSecondsMin: KEEPALIVE_SECONDS_MIN,
  keepaliveSecondsMax: KEEPALIVE_SECONDS_MAX,
  inFlightMax: IN_FLIGHT_MAX,
  queueMessagesMax: QUEUE_MESSAGES_MAX,
  waitingBytesMax: 64 << 20,
  drainTimeoutMs: DRAIN_TIMEOUT_MS,
  messagesPerSecond: MESSAGES_PER_SECOND,
  messagesBurst: MESSAGES_BURST,
  controlPerSecond: 40,
  controlBurst: 160,
  connectionsMax: 20_000,
  pendingConnectionsMax: 1_000,
  silentGraceMs: 1_000,
  failedLoginsPerSecond: 5,
  failedLoginsBurst: 100,
  failedAddressesMax: 10_000,
  loginsPerTurn: 8,
  crowdMin: 1_000,
  tidyDelayMs: 20_000,
  filtersPerSessionMax: 16,
  sessionsPerReaderMax: 16,
  staleSessionsPerDeviceMax: 4,
  staleSessionMs: 30_000,
  retainedTopicsMax: 200_000,
  closeGraceMs: 1_000,
}
