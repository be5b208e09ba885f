/**
 * Events of a fleet: told to whoever listens on its topic, and kept nowhere.
 * @module
 */
import { utf8ToBytes } from '../../protocol/bytes.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'

export type FleetEvent = { readonly event: string } & Readonly<Record<string, unknown>>

/** Publishes when what led to it is durable. */
export function announce(core: Core, fleet: string, about: FleetEvent): void {
  const payload = utf8ToBytes(JSON.stringify({ timeSeconds: core.writer.seconds(), ...about }))
  const topic = formatTopic({ kind: 'fleet', fleet, name: 'event' })
  core.writer.whenDurable(() => core.link.publish(topic, payload, { retain: false }))
}
