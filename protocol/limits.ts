/**
 * Every bound of the protocol, with its unit in the name and its reason beside it. An operator's
 * configuration may raise those that `info` publishes; the others are part of the wire version.
 * @module
 */

/** Major version of topics and messages; a change that an older peer cannot read raises it. */
export const WIRE_VERSION = 1

/** Amounts and units are unsigned 64-bit on every ledger and in every signed structure. */
export const AMOUNT_MAX = (1n << 64n) - 1n
/** A payer's traversal of one epoch stays within 2 * 256 words in memory; see protocol/chain.ts. */
export const EPOCH_LENGTH_TICKS_MAX = 65_536
/** About 0.7 ms of hashing; past about 100 steps a signature is cheaper than the words. */
export const JUMP_TICKS_MAX = 1_024
/** Sustained hashes a second that one channel may cause: 10,000 hostile channels fill two cores. */
export const HASH_BUDGET_PER_SECOND = 200
/** Lets one full jump through after a pause. */
export const HASH_BUDGET_BURST = 1_024
/** Up to so many steps a tick costs hardly more than one, and no common budget counts them. */
export const SMALL_JUMP_TICKS_MAX = 16
/** Sustained hashes a second for larger jumps of all channels together: a quarter of a core. */
export const JUMP_HASHES_PER_SECOND = 1_000_000
/** 8 ms at once: 32 full jumps. */
export const JUMP_HASHES_BURST = 32_768
/** Share of an epoch after which a device renews, in percent: time for a slow signer. */
export const RENEWAL_AT_PERCENT = 80
/** Units supplied ahead of payment, unless the tariff says otherwise. */
export const CREDIT_TICKS_DEFAULT = 16
/** What a tariff may grant at most: a gap of this size is still one checkpoint. */
export const CREDIT_TICKS_MAX = 65_536
export const TICK_BYTES = 42
/** Ticks in one message: 64 * 42 bytes stay below the packet limit. */
export const TICKS_PER_MESSAGE_MAX = 64
/** An MQTT packet of a device, refused at its header; ours are below 3 KiB. */
export const PACKET_BYTES_MAX = 4_096
/** An MQTT packet of an authenticated fleet role; longer answers come in pages. */
export const FLEET_PACKET_BYTES_MAX = 65_536
/** A CBOR message nests arrays at most this deep; deeper input could exhaust the stack. */
export const CBOR_DEPTH_MAX = 4
export const TOPIC_BYTES_MAX = 128
export const TOPIC_LEVELS_MAX = 8
/** A last will is a short state, never an instruction. */
export const WILL_BYTES_MAX = 256
/** From accept to a complete CONNECT. */
export const CONNECT_DEADLINE_MS = 5_000
/** From accept to the end of the TLS handshake; the CONNECT has its own time after it. */
export const HANDSHAKE_DEADLINE_MS = 5_000
export const KEEPALIVE_SECONDS_MIN = 15
export const KEEPALIVE_SECONDS_MAX = 120
/** Unacknowledged QoS 1 messages of one client. */
export const IN_FLIGHT_MAX = 16
/** Outgoing messages waiting for one client; a newer ack replaces an older one. */
export const QUEUE_MESSAGES_MAX = 64
/** A client that takes nothing for this long is closed. */
export const DRAIN_TIMEOUT_MS = 10_000
export const MESSAGES_PER_SECOND = 50
export const MESSAGES_BURST = 200
/** How far a device's clock may be off. */
export const CLOCK_TOLERANCE_SECONDS = 120
/** With a fleet service that renews; see protocol/mandate rules in docs/protocol.md. */
export const MANDATE_SECONDS_DEFAULT = 24 * 3_600
/** A Command that lies around for longer is worth nothing: it may be signed on another machine. */
export const COMMAND_SECONDS_MAX = 24 * 3_600
/** Without a fleet service. */
export const MANDATE_UNATTENDED_SECONDS = 30 * 24 * 3_600
/** Words still count as payment this long after the mandate ended. */
export const CLAIM_WINDOW_SECONDS = 7 * 24 * 3_600
/** Longer than the longest default mandate life plus claim window. */
export const WITHDRAWAL_NOTICE_SECONDS = 8 * 24 * 3_600
export const CHANNELS_PER_DEVICE_DEFAULT = 16
/** Slots are one byte in a tick; one message carries one tick of each. */
export const CHANNELS_PER_DEVICE_MAX = 64
/** Leaves of one allocation: a statement's Merkle tree has depth 20. */
export const POSITIONS_MAX = 1 << 20
/** Wrong words in `STRIKE_WINDOW_SECONDS` before the session is closed. */
export const STRIKES_MAX = 3
export const STRIKE_WINDOW_SECONDS = 60
/** An agent repeats its newest tick when no ack came for this long. */
export const ACK_TIMEOUT_MS = 5_000
/** Dated tariffs in one welcome: 12 signed entries stay below the packet limit. */
export const TARIFFS_MAX = 12
/** Steps of a claim's tail that the embedded and PostgreSQL ledgers follow. */
export const LEDGER_TAIL_TICKS_MAX = 65_536
export const ID_CHARS_MAX = 48
/** The name of a meter's base unit, in UTF-8. */
export const UNIT_BYTES_MAX = 8
/** Scale of an asset: 9 decimals at most, so that amounts below 2^64 stay useful. */
export const ASSET_SCALE_MAX = 9
export const FEE_BASIS_POINTS_MAX = 10_000
