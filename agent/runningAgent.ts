/**
 * What a running agent consists of.
 * @module
 */
import type { Connector, Disk, Ports, SerialOpener } from '../ports/index.ts'
import type { Account } from './account.ts'
import type { AgentClock } from './agentClock.ts'
import type { AgentConfig } from './config.ts'
import type { Signer } from './epochs.ts'
import type { MeterLink } from './meters/supervisor.ts'
import { paidReading } from './payerState.ts'
import type { ReceiptBook } from './receipts.ts'
import type { LastSeen, Records } from './records.ts'
import type { RelayOpener } from './relays/types.ts'
import type { Session } from './session.ts'
import type { StateReport } from './stateReport.ts'
import type { MeterView } from './status.ts'
import type { TickSender } from './tickSender.ts'

export type AgentWorld = {
  readonly ports: Ports
  readonly connector: Connector
  readonly openSerial: SerialOpener
  /** For relays that are neither the meter's nor on its bus. */
  readonly openRelay?: RelayOpener
  /** The state folder. */
  readonly disk: Disk
  readonly signer: Signer
  /** 32 bytes of which all hash chains are derived. */
  readonly rootSecret: Uint8Array
  readonly version: string
}

export type MeterUnit = {
  readonly account: Account
  readonly link: MeterLink
  view: MeterView
  /** The reading that the gateway was told last. */
  told: bigint | undefined
}

export type Running = {
  readonly config: AgentConfig
  readonly world: AgentWorld
  readonly records: Records
  readonly receipts: ReceiptBook
  readonly clock: AgentClock
  readonly meters: Map<string, MeterUnit>
  /** Slot numbers as the gateway gave them. */
  readonly slots: Map<number, Account>
  tariffProblem: string | undefined
  session: Session
  sender: TickSender
  report: StateReport
}

/** What is known of a meter now, for people who ask when the agent is gone. */
export function seenNow(running: Running, name: string): LastSeen {
  const payer = running.meters.get(name)?.account.payer()
  return {
    atSeconds: running.clock.now().seconds,
    units: payer?.reading,
    unitsPaid: payer && paidReading(payer),
  }
}
