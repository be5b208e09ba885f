/**
 * Where every step of a tail costs money at the ledger, devices are asked for a checkpoint before
 * their evidence is shown: it proves its own base without a step. Best effort: what has not come in
 * a moment is shown as it is.
 * @module
 */
import { clientIdOf } from '../../protocol/connect.ts'
import type { Core } from '../core.ts'
import { rejectionOf } from '../intake/rejection.ts'
import { sendDurable } from '../intake/send.ts'
import type { Session } from '../intake/session.ts'
import { isClosed } from '../state/hotChannels.ts'
import { hasDearTail } from './policy.ts'
import { inTurns, isShown, type Wanted } from './settler.ts'

/** A settlement waits so long for the checkpoints that it asked for, against hours of margin. */
export const CHECKPOINT_WAIT_MS = 3_000
const LOOK_MS = 100
/** Devices asked in one turn of the event loop: each answer is made anew and takes some 60 us. */
const ASKED_PER_TURN = 64

type Asked = { readonly session: Session; readonly channel: number }

/** Asks the connected devices whose tails are dear, and waits a moment for their checkpoints. */
export async function shortenTails(core: Core, wanted: Wanted): Promise<void> {
  if (core.ledger.cheapTail === undefined) return
  const { clock } = core.ports
  let waiting = await askAll(core, wanted)
  const endMs = clock.monotonicMs() + CHECKPOINT_WAIT_MS
  while (waiting.length > 0 && clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => core.ports.timers.after(LOOK_MS, resolve))
    waiting = waiting.filter(({ session, channel }) => !session.ended && isDear(core, channel))
  }
}

async function askAll(core: Core, wanted: Wanted): Promise<readonly Asked[]> {
  const asked: Asked[] = []
  await inTurns(core, async (from, to) => {
    for (let channel = from; channel < to; channel++) {
      if (!isDear(core, channel) || !isShown(core, channel, wanted)) continue
      const session = ask(core, channel)
      if (!session) continue
      asked.push({ session, channel })
      if (asked.length % ASKED_PER_TURN === 0) {
        await new Promise<void>((resolve) => core.ports.timers.soon(resolve))
      }
    }
  })
  return asked
}

/** A closed channel takes no commitment any more. */
function isDear({ ledger, state: { hot } }: Core, channel: number): boolean {
  return hasDearTail(hot.columns.index[channel] ?? 0, ledger.cheapTail) && !isClosed(hot, channel)
}

/** The refusal that asks for a checkpoint, though no tick was refused. */
function ask(core: Core, channel: number): Session | undefined {
  const { fleet, device } = core.state.cold.channel(channel)
  const session = core.sessions.get(clientIdOf(fleet, device))
  const slot = session?.channels.indexOf(channel) ?? -1
  if (!session?.greeted || slot < 0) return undefined
  const refusal = { slot, refused: 'tick', reason: 'needs_checkpoint' } as const
  const payload = rejectionOf(core, session, refusal)
  sendDurable(core, session, 'reject', () => payload)
  return session
}
