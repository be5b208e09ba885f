/**
 * The short way of a device's ticks: whom they are from was settled when its session opened.
 * @module
 */
import { formatTopic } from '../../protocol/topics.ts'
import type { TickLane } from '../broker/broker.ts'
import type { Core } from '../core.ts'
import type { Session } from './session.ts'
import { takeTicks } from './ticks.ts'

export function laneOf(core: Core, session: Session): TickLane {
  const { fleet, device } = session
  return {
    topic: formatTopic({ kind: 'up', fleet, device, name: 'tick' }),
    take: (bytes, start, end) => {
      core.counters.messages += 1
      if (session.ended) return
      if (!session.condemned) takeTicks(core, session, bytes, start, end)
      touchDevice(core, session)
    },
  }
}

/** Once for all messages until the next round of reports. */
export function touchDevice(core: Core, session: Session): void {
  if (session.touched) return
  session.touched = true
  core.touch(session.fleet, session.device)
}
