/**
 * The chain of receipt roots as a fleet sees it: two roots that follow the same one are proof that
 * the gateway tells different people different things, or was restored from a backup.
 * @module
 */
import * as v from 'valibot'
import type { Log } from '../ports/index.ts'
import { bytesToHex, equalBytes, parseHex } from '../protocol/bytes.ts'
import { decodeCbor } from '../protocol/cbor.ts'
import { type PublicKey, verifyDigest } from '../protocol/keys.ts'
import type { ReceiptRoot, Signed } from '../protocol/structures.ts'
import { digestOf, receiptRootStructure, signedFromWire } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import { readJson } from './reports.ts'

/** Roots that are remembered: at one in 30 s, those of a day and a half. */
const ROOTS_MAX = 4_096

export type RootTrust = {
  readonly domain: Domain
  readonly gateway: { readonly id: string; readonly key: PublicKey }
}

export type RootVerdict =
  | 'known'
  | 'follows'
  /** Roots in between were not seen: a retained message shows the newest only. */
  | 'gap'
  | 'forks'
  /** Not signed by the gateway. */
  | 'bad'

export type RootWatch = {
  /** Takes in a message of `_gateway/{gateway}/receipts`. */
  readonly take: (payload: Uint8Array) => RootVerdict
}

type Seen = { readonly digest: string; readonly root: Signed<ReceiptRoot> }

const payloadSchema = v.object({ signed: v.pipe(v.string(), v.maxLength(2_048)) })

export function watchRoots(trust: RootTrust, log: Log): RootWatch {
  const byPrevious = new Map<string, Seen>()
  let newest: string | undefined
  const judge = (root: Signed<ReceiptRoot>): RootVerdict => {
    const digest = bytesToHex(digestOf(trust.domain, receiptRootStructure, root.value))
    const previous = bytesToHex(root.value.previous)
    const other = byPrevious.get(previous)
    if (other) return other.digest === digest ? 'known' : tellFork(other.root, root, log)
    if (byPrevious.size >= ROOTS_MAX) forgetOldest(byPrevious)
    byPrevious.set(previous, { digest, root })
    const isNext = newest === undefined || newest === previous
    newest = digest
    return isNext ? 'follows' : 'gap'
  }
  return {
    take: (payload) => {
      const root = readRoot(trust, payload)
      return root ? judge(root) : 'bad'
    },
  }
}

function forgetOldest(seen: Map<string, Seen>): void {
  for (const previous of seen.keys()) {
    seen.delete(previous)
    return
  }
}

/** Both roots are the evidence: they are logged whole. */
function tellFork(one: Signed<ReceiptRoot>, two: Signed<ReceiptRoot>, log: Log): RootVerdict {
  const isOneLife = equalBytes(one.value.life, two.value.life)
  log('error', 'the gateway has signed two roots of receipts after the same one', {
    previous: bytesToHex(one.value.previous),
    roots: `${bytesToHex(one.value.root)} ${bytesToHex(two.value.root)}`,
    signatures: `${bytesToHex(one.signature)} ${bytesToHex(two.signature)}`,
    cause: isOneLife ? 'it lies' : 'it was restored from a backup, or lies',
  })
  return 'forks'
}

function readRoot(trust: RootTrust, payload: Uint8Array): Signed<ReceiptRoot> | undefined {
  const parsed = v.safeParse(payloadSchema, readJson(payload))
  const bytes = parsed.success ? parseHex(parsed.output.signed) : undefined
  const wire = bytes && decodeCbor(bytes)
  const root = wire === undefined ? undefined : signedFromWire(receiptRootStructure, wire)
  if (root?.value.gateway !== trust.gateway.id) return undefined
  const digest = digestOf(trust.domain, receiptRootStructure, root.value)
  return verifyDigest(trust.gateway.key, digest, root.signature) ? root : undefined
}
