/**
 * Names that people give (fleet, device, gateway, meter) and ids that the protocol derives.
 * @module
 */
import { ID_CHARS_MAX } from './limits.ts'

declare const channelIdBrand: unique symbol
/** 32 bytes: the EIP-712 digest of a Channel, domain included. */
export type ChannelId = Uint8Array & { readonly [channelIdBrand]: true }

const idPattern = new RegExp(`^[a-z0-9][a-z0-9-]{0,${ID_CHARS_MAX - 1}}$`)

/**
 * True for a name that may stand in a topic: nothing in it is special to MQTT, to a shell or to a
 * file system.
 */
export function isId(text: string): boolean {
  return idPattern.test(text)
}

/** Stands in the place of a device for the fleet itself; no device can be called so. */
export const FLEET_ITSELF = '_'
