/**
 * The small interface of a relay that is neither the meter's own nor a board on the meter's line.
 * None of them can be told "on until register R": the agent opens it when it has read R, so what
 * flows in one poll and the time the relay takes comes on top.
 * @module
 */
import type { BrokerLoginConfig, TlsFilesConfig } from '../../ports/configTypes.ts'

export type RelayConfig =
  | {
      readonly kind: 'modbus-coil'
      /** A line of its own: that of the meter is busy. */
      readonly source: string
      readonly unitId: number
      readonly coil: number
    }
  | {
      readonly kind: 'gpio'
      /** Such as `gpiochip0`. */
      readonly chip: string
      readonly line: number
      /** The relay closes at the low level. */
      readonly activeLow: boolean
    }
  | {
      readonly kind: 'mqtt'
      readonly url: string
      readonly login?: BrokerLoginConfig | undefined
      readonly tls?: TlsFilesConfig | undefined
      readonly commandTopic: string
      /** Where the relay says what it is; without it the broker's word has to do. */
      readonly stateTopic?: string | undefined
      readonly on: string
      readonly off: string
    }
  | {
      readonly kind: 'command'
      /** Programs and their arguments; no shell is between. */
      readonly on: readonly string[]
      readonly off: readonly string[]
    }

export type Relay = {
  /**
   * Makes the relay closed or open and resolves when it is. Called with every reading: cheap when
   * nothing changes. Rejects with one line when it is not known to be so.
   */
  readonly set: (closed: boolean) => Promise<void>
  /** Lets go of it; never rejects. */
  readonly close: () => Promise<void>
}

export type RelayOpener = (config: RelayConfig) => Promise<Relay>

/** Longest wait for a relay to do what it is told. */
export const RELAY_TIMEOUT_MS = 5_000
