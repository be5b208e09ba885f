/**
 * What the soak tells a herd, a process that plays many devices, and what it answers.
 * @module
 */
import type { SimCommand } from '../../firmware-sim/config.ts'

export type HerdDevice = {
  readonly device: string
  /** Settings of agent and meter, as their files would have them. */
  readonly agent: Readonly<Record<string, unknown>>
  readonly meter: Readonly<Record<string, unknown>>
  /** Hex. */
  readonly privateKey: string
  readonly rootSecret: string
}

export type HerdCommand =
  | { readonly do: 'start'; readonly folder: string; readonly devices: readonly HerdDevice[] }
  | { readonly do: 'fault'; readonly place: number; readonly command: SimCommand }
  | { readonly do: 'look' }
  /** Agents pay what they can and end, then the meters. */
  | { readonly do: 'close' }

export type DeviceView = {
  readonly device: string
  readonly isOnline: boolean
  readonly relayClosed: boolean
  readonly units: string | null
  readonly unitsPaid: string | null
}

export type HerdView = {
  readonly devices: readonly DeviceView[]
  /** What agents gave to their disks since the start, in blocks of 4 KiB. */
  readonly writtenBytes: number
  readonly writes: number
}

export type HerdQuestion = { readonly id: number; readonly command: HerdCommand }
export type HerdAnswer = {
  readonly id: number
  readonly view?: HerdView
  readonly error?: string
}
