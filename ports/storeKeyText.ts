/**
 * The forms in which a store key may be kept.
 * @module
 */
import { parseHex } from '../protocol/bytes.ts'

export const STORE_KEY_BYTES = 32

/** 32 bytes as they are, 64 hex digits, or base64; undefined for anything else. */
export function parseStoreKey(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length === STORE_KEY_BYTES) return bytes.slice()
  const text = new TextDecoder().decode(bytes).trim()
  const hex = text.length === 2 * STORE_KEY_BYTES ? parseHex(text) : undefined
  return hex ?? parseBase64(text)
}

function parseBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(text)) return undefined
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
