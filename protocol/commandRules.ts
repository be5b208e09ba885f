/**
 * Commands: what a fleet's signer orders at a gateway, and the checks on it.
 * @module
 */
import { bytesToHex, equalBytes, parseHex, utf8ToBytes } from './bytes.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { keccak256 } from './keccak.ts'
import type { PublicKey, Verify } from './keys.ts'
import { CLOCK_TOLERANCE_SECONDS, COMMAND_SECONDS_MAX } from './limits.ts'
import type { CommandReason } from './reasons.ts'
import type { Command, Signed } from './structures.ts'
import { commandStructure, digestOf, signedFromWire, signedToWire } from './structures.ts'
import type { Domain } from './typedData.ts'

/** What a Command reaches that names no device, group or site. */
export const FLEET_SCOPE = 'fleet'

/** Keccak-256 of the UTF-8 of the JSON text, exactly as it is sent. */
export function argumentsHash(text: string): Uint8Array {
  return keccak256(utf8ToBytes(text))
}

/** Hex of `[[fields], signature]`, as a request carries it. */
export function commandToHex(signed: Signed<Command>): string {
  return bytesToHex(encodeCbor(signedToWire(commandStructure, signed)))
}

/** Undefined for what is none. */
export function commandFromHex(hex: string): Signed<Command> | undefined {
  const bytes = parseHex(hex)
  const wire = bytes && decodeCbor(bytes)
  return wire === undefined ? undefined : signedFromWire(commandStructure, wire)
}

export type CommandContext = {
  readonly domain: Domain
  readonly gateway: string
  readonly fleet: string
  /** The verb of the topic that it came on. */
  readonly verb: string
  /** What its arguments name: `fleet`, `device:ID`, `group:ID` or `site:ID`. */
  readonly target: string
  /** The JSON text that came with it. */
  readonly argumentsText: string
  /** Of the fleet; undefined when it is not enrolled. */
  readonly signerKey: PublicKey | undefined
  /** The highest nonce that was ever taken from this fleet. */
  readonly nonceBefore: number
  readonly nowSeconds: number
}

export type CommandVerdict =
  | 'accepted'
  | Extract<
      CommandReason,
      | 'wrong_gateway'
      | 'wrong_fleet'
      | 'wrong_arguments'
      | 'not_yet'
      | 'expired'
      | 'nonce_used'
      | 'bad_signature'
      | 'out_of_scope'
    >

/**
 * Judges a Command, cheapest check first. From `out_of_scope` on it is known to be of the signer,
 * and counts as used whatever comes of it.
 */
export function checkCommand(
  context: CommandContext,
  { value, signature }: Signed<Command>,
  verify: Verify,
): CommandVerdict {
  const { nowSeconds, signerKey } = context
  if (value.gateway !== context.gateway) return 'wrong_gateway'
  if (value.fleet !== context.fleet) return 'wrong_fleet'
  if (!speaksOf(context, value)) return 'wrong_arguments'
  if (value.issuedAt > nowSeconds + CLOCK_TOLERANCE_SECONDS) return 'not_yet'
  if (nowSeconds > value.expiry || !isShort(value)) return 'expired'
  if (value.nonce <= context.nonceBefore) return 'nonce_used'
  const digest = digestOf(context.domain, commandStructure, value)
  if (!signerKey || !verify(signerKey, digest, signature)) return 'bad_signature'
  return covers(value.scope, context.target) ? 'accepted' : 'out_of_scope'
}

function speaksOf({ verb, argumentsText }: CommandContext, value: Command): boolean {
  return value.verb === verb && equalBytes(value.argumentsHash, argumentsHash(argumentsText))
}

function isShort({ issuedAt, expiry }: Command): boolean {
  return expiry >= issuedAt && expiry - issuedAt <= COMMAND_SECONDS_MAX
}

/** A Command for the fleet may name a part of it; one for a part reaches that part alone. */
function covers(scope: string, target: string): boolean {
  return scope === FLEET_SCOPE || scope === target
}
