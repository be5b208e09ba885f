/**
 * Channels at a position that the statement in force gives to another one. A gateway that came from
 * a backup gives positions again that its ledger did not know of yet; a statement that was on its
 * way then, or kept by somebody, may still take them. No ledger ever pays such a channel, so it
 * ends as soon as that is known, and its meter gets another one.
 * @module
 */
import { parseHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import { closeChannel } from '../enrolment.ts'
import { isClosed } from '../state/hotChannels.ts'
import { placeOf } from '../state/settled.ts'
import { positionsLost } from './leaves.ts'
import { inTurns } from './settler.ts'

/** Closes them; `name` is the allocation in hex. */
export async function closeDisplaced(core: Core, name: string): Promise<void> {
  const allocation = parseHex(name) ?? new Uint8Array()
  const taken = positionsLost(core.state, allocation)
  if (taken.size === 0) return
  const { cold, hot } = core.state
  const place = placeOf(core.state, allocation)
  await inTurns(core, async (from, to) => {
    for (let channel = from; channel < to; channel++) {
      if (hot.columns.allocation[channel] !== place || isClosed(hot, channel)) continue
      const { fleet, device, channel: terms } = cold.channel(channel)
      if (!taken.has(terms.position)) continue
      closeChannel(core, channel)
      const { meter, position } = terms
      core.ports.log('error', 'a channel ended: another one is paid at its position', {
        ...{ fleet, device, meter, position },
        advice: 'run "tickpay device replace" for this meter',
      })
    }
  })
}
