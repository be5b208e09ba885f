/**
 * Logins with the verdict each must get.
 * @module
 */
import { encodeCbor } from '../../protocol/cbor.ts'
import type { ConnectContext } from '../../protocol/connect.ts'
import { encodeConnect } from '../../protocol/connect.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { Connect } from '../../protocol/structures.ts'
import { connectStructure, digestOf } from '../../protocol/structures.ts'
import {
  counting,
  device,
  deviceKey,
  domain,
  fleet,
  gateway,
  keyNamed,
  nowSeconds,
  otherDomain,
  signed,
  signerKey,
} from './fixtures.ts'

export const connect: Connect = { gateway, fleet, device, issuedAt: nowSeconds, nonce: counting(9) }

/** The login of the fixture's device, or another. */
export function passwordOf(changes: Partial<Connect> = {}, key = deviceKey, within = domain) {
  const value = { ...connect, ...changes }
  return encodeConnect(signed(key, value, digestOf(within, connectStructure, value)))
}

/** Knows the fixture's device and fleet; no nonce was used. */
export function connectContext(changes: Partial<ConnectContext> = {}): ConnectContext {
  const name = `${fleet}/${device}`
  return {
    domain,
    gateway,
    clientId: name,
    username: name,
    keyOf: (ofFleet, ofDevice) => {
      if (ofFleet !== fleet) return undefined
      if (ofDevice === '_') return publicKeyOf(signerKey)
      return ofDevice === device ? publicKeyOf(deviceKey) : undefined
    },
    isNonceUsed: () => false,
    nowSeconds,
    ...changes,
  }
}

export type ConnectCase = {
  readonly why: string
  readonly context: ConnectContext
  readonly usedNonces: readonly Uint8Array[]
  readonly password: Uint8Array
  readonly verdict: string
}

function one(
  verdict: string,
  why: string,
  password: Uint8Array,
  changes: Partial<ConnectContext> = {},
): ConnectCase {
  return { why, verdict, password, usedNonces: [], context: connectContext(changes) }
}

const named = (name: string) => ({ clientId: name, username: name })
const stranger = { device: 'charger-8' }
const used = { usedNonces: [connect.nonce], changes: { isNonceUsed: () => true } }

export const connectCases: readonly ConnectCase[] = [
  one('accepted', 'a device', passwordOf()),
  one('accepted', '120 s slow', passwordOf({ issuedAt: nowSeconds - 120 })),
  one('accepted', '120 s fast', passwordOf({ issuedAt: nowSeconds + 120 })),
  one('accepted', 'the fleet itself', passwordOf({ device: '_' }, signerKey), named(`${fleet}/_`)),
  one('stale_clock', '121 s slow', passwordOf({ issuedAt: nowSeconds - 121 })),
  one('stale_clock', '121 s fast', passwordOf({ issuedAt: nowSeconds + 121 })),
  one('stale_clock', 'no clock', passwordOf({ issuedAt: 0 })),
  one('malformed', 'nothing', new Uint8Array()),
  one('malformed', 'cut short', passwordOf().slice(0, -1)),
  one('malformed', 'trailing byte', new Uint8Array([...passwordOf(), 0])),
  one(
    'malformed',
    'version 2',
    encodeCbor([2, [[gateway, fleet, device, 0, counting(9)], new Uint8Array(64)]]),
  ),
  one('malformed', 'no signature', encodeCbor([1, [[gateway, fleet, device, 0, counting(9)]]])),
  one('bad_client_id', 'another client id', passwordOf(), { clientId: `${fleet}/other` }),
  one('bad_client_id', 'another user name', passwordOf(), { username: `${fleet}/other` }),
  one('wrong_gateway', 'for another gateway', passwordOf({ gateway: 'gateway-2' })),
  one('unknown_device', 'a stranger', passwordOf(stranger), named(`${fleet}/charger-8`)),
  one('bad_signature', 'another key', passwordOf({}, keyNamed('p256', 0x99))),
  one('bad_signature', 'for another ledger', passwordOf({}, deviceKey, otherDomain)),
  one('bad_signature', 'the device as its fleet', passwordOf({ device: '_' }), named(`${fleet}/_`)),
  one(
    'bad_signature',
    'bad signature comes before bad time',
    passwordOf({ issuedAt: 0 }, signerKey),
  ),
  {
    ...one('nonce_reused', 'the same again', passwordOf(), used.changes),
    usedNonces: used.usedNonces,
  },
  {
    ...one('stale_clock', 'a replay much later', passwordOf({ issuedAt: 1 }), used.changes),
    usedNonces: used.usedNonces,
  },
]
