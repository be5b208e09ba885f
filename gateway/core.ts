/**
 * What the parts of the gateway's logic share. Made once by `gateway/gateway.ts`.
 * @module
 */

import type { Ledger } from '../ledger/ledger.ts'
import type { Ports } from '../ports/index.ts'
import type { AckEncoder } from '../protocol/ackBytes.ts'
import type { Sha256 } from '../protocol/chain.ts'
import type { PrivateKey, PublicKey, Verify } from '../protocol/keys.ts'
import type { RejectedName } from '../protocol/messages.ts'
import type { Make } from './broker/retained.ts'
import type { CommitWatch } from './commitWatch.ts'
import type { GatewayConfig } from './config.ts'
import type { Signs } from './fraud/signs.ts'
import type { JumpBudget } from './intake/jumpBudget.ts'
import type { Session } from './intake/session.ts'
import type { MeetsHeldWord } from './intake/ticks.ts'
import type { Marks } from './marks.ts'
import type { Policies } from './policies/policies.ts'
import type { Doubts } from './settle/doubts.ts'
import type { FundsView } from './settle/funds.ts'
import type { LeafProofs } from './settle/leaves.ts'
import type { GatewayState } from './state/state.ts'
import type { Writer } from './state/writer.ts'
import type { Journal } from './store/journal.ts'
import type { Tariffs } from './tariffs.ts'
import type { Trace } from './trace.ts'

export type LinkMode = {
  readonly retain: boolean
  /** Only this session gets it, whoever else may receive the topic. */
  readonly sessionId?: string
  /** Drives out a message with the same key that still waits for the session. */
  readonly replaces?: string
}

/** How the logic reaches clients; the embedded broker or a virtual one stands behind it. */
export type ClientLink = {
  readonly publish: (topic: string, payload: Uint8Array, mode: LinkMode) => void
  /**
   * Retains what `make` makes when somebody wants to read it; absent where a message must be made
   * to be kept.
   */
  readonly offer?: (topic: string, make: Make) => void
  /** Closes one client's connection. */
  readonly disconnect: (sessionId: string, reason: string) => void
  /** Closes all connections of one static credential. */
  readonly disconnectReader: (fleet: string, name: string) => void
  /**
   * Present behind an external broker, where nobody logs in at the gateway: the topic alone says
   * who a message is from. These are the requests that it takes on that word.
   */
  readonly unsigned?: ReadonlySet<UnsignedRequest>
  /** How the connection to an external broker is doing, for `status`. */
  readonly report?: () => Readonly<Record<string, unknown>>
}

/** Requests that change something and carry no signature. */
export type UnsignedRequest = 'pause' | 'resume' | 'close'

export type DeviceName = { readonly fleet: string; readonly device: string }

export type Core = {
  readonly ports: Ports
  readonly config: GatewayConfig
  readonly key: PrivateKey
  /** Of `key`: working it out takes milliseconds. */
  readonly publicKey: PublicKey
  readonly verify: Verify
  readonly sha256: Sha256
  /** The last check on a tick. */
  readonly meetsHeldWord: MeetsHeldWord
  readonly encodeAck: AckEncoder
  readonly ledger: Ledger
  readonly funds: FundsView
  /** Where books and ledger may differ. */
  readonly doubts: Doubts
  /** What the statements in force say, with proofs. */
  readonly leafProofs: LeafProofs
  readonly state: GatewayState
  readonly journal: Journal
  readonly writer: Writer
  readonly commits: CommitWatch
  readonly marks: Marks
  readonly tariffs: Tariffs
  /** What fleets ordered for parts of themselves: acts on supply alone. */
  readonly policies: Policies
  readonly link: ClientLink
  /** Connected devices by `fleet/device`: one session each. */
  readonly sessions: Map<string, Session>
  readonly jumps: JumpBudget
  readonly counters: Counters
  readonly trace: Trace
  /** What the watch for fraud counts; see gateway/fraud/. */
  readonly signs: Signs
  /** First position of an allocation beyond all that its ledger has paid. */
  readonly firstUnpaidPosition: (allocation: Uint8Array) => number
  /** Something about this device changed: its retained report goes out with the next round. */
  readonly touch: (fleet: string, device: string) => void
  /** Devices that were touched since the last round. */
  readonly touched: Map<string, DeviceName>
  /** What is to be done when a channel was closed. */
  readonly hooks: { closed: () => void }
  /** True when free disk space is under its limit. */
  readonly spaceLow: () => boolean
}

export type Counters = {
  /** Refusals of ticks and commitments by reason. */
  readonly refused: Map<string, number>
  /** The same by what was refused, and then by reason. */
  readonly refusedKinds: Map<RejectedName, Map<string, number>>
  /** What the watch told since the start, by rule and then by action. */
  readonly findings: Map<string, Map<string, number>>
  messages: number
  connects: number
  timesSigned: number
}
