/**
 * The outside world as the logic sees it. Agent, gateway, fleet and ledger logic receive these and
 * nothing else, so that a test can run all of them on virtual time, disk and network.
 * Real implementations live under `io/` folders only.
 * @module
 */

/** Wall and monotonic time. */
export type Clock = {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump in both directions. */
  readonly nowMs: () => number
  /** Milliseconds since an arbitrary start; never goes back. Use for every time-out. */
  readonly monotonicMs: () => number
}

/** Cancels the timer it was returned for; harmless after it fired. */
export type Cancel = () => void

export type Timers = {
  /** Calls `run` once, `delayMs` from now. */
  readonly after: (delayMs: number, run: () => void) => Cancel
  /** Calls `run` every `periodMs`, first after one period. */
  readonly every: (periodMs: number, run: () => void) => Cancel
  /** Calls `run` at the end of the current event-loop turn: this is where batches form. */
  readonly soon: (run: () => void) => void
}

export type Random = {
  /** `length` bytes from the operating system's generator. */
  readonly bytes: (length: number) => Uint8Array
}

/** One file open for appending. */
export type AppendFile = {
  /** Adds `bytes` at the end; resolves when written, not yet durable. */
  readonly append: (bytes: Uint8Array) => Promise<void>
  /** Resolves when everything appended so far is on stable storage (fdatasync). */
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

/** A folder of files. Paths are relative to its root, with `/` between names. */
export type Disk = {
  /**
   * Opens or creates; appends go after the `length` bytes that are kept (default: all). The next
   * sync makes those durable too, even if a sync of an earlier process failed.
   */
  readonly openAppend: (path: string, length?: number) => Promise<AppendFile>
  /** Whole content, or undefined when there is no such file. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>
  /**
   * Temporary file, fsync, rename, fsync of the folder: the old or the new content, never a mix.
   */
  readonly replace: (path: string, bytes: Uint8Array) => Promise<void>
  /** Names in a folder, sorted; empty when the folder is missing. */
  readonly list: (path: string) => Promise<readonly string[]>
  readonly remove: (path: string) => Promise<void>
  /** Share of the file system that is free, 0..1. */
  readonly freeShare: () => Promise<number>
}

export type PublishOptions = { readonly retain: boolean }

/** An MQTT connection of a client, QoS 1 throughout. */
export type Transport = {
  /** Resolves with the broker's PUBACK; rejects when the connection ends before it. */
  readonly publish: (topic: string, payload: Uint8Array, options: PublishOptions) => Promise<void>
  readonly subscribe: (topics: readonly string[]) => Promise<void>
  readonly onMessage: (listener: (topic: string, payload: Uint8Array) => void) => void
  readonly onClose: (listener: () => void) => void
  readonly close: () => Promise<void>
}

export type ConnectOptions = {
  readonly clientId: string
  readonly username: string
  readonly password: Uint8Array
  readonly keepaliveSeconds: number
  readonly will?: { readonly topic: string; readonly payload: Uint8Array; readonly retain: boolean }
}

/** Opens one connection; rejects with a readable reason. Reconnecting is the caller's business. */
export type Connector = (options: ConnectOptions) => Promise<Transport>

/** An open serial line (a port, a pty or serial over TCP): raw bytes both ways. */
export type Serial = {
  readonly write: (bytes: Uint8Array) => Promise<void>
  readonly onData: (listener: (bytes: Uint8Array) => void) => void
  readonly onClose: (listener: (reason: string) => void) => void
  readonly close: () => Promise<void>
}

/** Opens the line at `source`: `serial:///dev/...?baud=9600` or `tcp://host:port`. */
export type SerialOpener = (source: string) => Promise<Serial>

/** Ordered byte keys to byte values, with durable batches. */
export type KeyValue = {
  readonly get: (key: Uint8Array) => Uint8Array | undefined
  /** Entries with `from <= key < to`, in order of key. */
  readonly range: (from: Uint8Array, to: Uint8Array) => Iterable<readonly [Uint8Array, Uint8Array]>
  /** All writes or none; visible to `get` at once, resolves when durable. `undefined` deletes. */
  readonly write: (
    entries: readonly (readonly [Uint8Array, Uint8Array | undefined])[],
  ) => Promise<void>
  readonly close: () => Promise<void>
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Structured log line; `fields` never hold secrets or raw payloads. */
export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, string | number | boolean>>,
) => void

/** What the shells hand to every long-running part. */
export type Ports = {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
}
