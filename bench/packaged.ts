/**
 * How the packages and the units in deploy/ start Node, for gateways that are measured or tested as
 * people run them.
 * @module
 */

/** Node 24 keeps up to 128 MB for young objects by itself; with these 32, as Node 20 does. */
export const packagedFlags: readonly string[] = ['--max-semi-space-size=16']

/** glibc gives large blocks back when they are freed, and has few places to keep small ones. */
export const packagedEnvironment: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_ARENA_MAX: '2',
}
