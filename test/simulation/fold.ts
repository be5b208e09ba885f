/**
 * State is the fold of the journal: what a copy of the disk leads to is what the gateway has.
 * @module
 */
import { openState } from '../../gateway/state/open.ts'
import { readMeta } from '../../gateway/store/meta.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { present } from '../../protocol/assert.ts'
import { textOf } from '../support/gatewayState.ts'
import { memoryDisk } from '../support/memoryDisk.ts'
import { memoryKeyValue } from '../support/memoryKeyValue.ts'
import type { GatewayActor } from './gatewayActor.ts'
import type { SimWorld } from './world.ts'

const triesMax = 60
const betweenMs = 37

/** Compares every gateway that runs with its own recovery. */
export async function checkFold(world: SimWorld): Promise<void> {
  for (const actor of world.gateways) {
    let found = await compare(actor)
    // What moves is not in the journal yet: it is asked again until a moment comes without that.
    for (let tries = 1; found !== undefined && tries < triesMax; tries++) {
      await world.time.advance(betweenMs)
      found = await compare(actor)
    }
    if (found !== undefined) world.record.violate('state is the fold of the journal', found)
  }
}

/** What differs, if anything does. */
async function compare(actor: GatewayActor): Promise<string | undefined> {
  const gateway = actor.running()
  if (!gateway) return undefined
  const { state } = gateway.core
  const now = textOf(state)
  const recovered = await recover(actor, state.domain)
  return now === recovered ? undefined : difference(now, recovered)
}

type Domain = NonNullable<ReturnType<GatewayActor['running']>>['core']['state']['domain']

/** From the journal alone, with an empty database. */
async function recover(actor: GatewayActor, domain: Domain): Promise<string> {
  const disk = memoryDisk()
  for (const path of actor.disk.paths()) {
    if (!path.startsWith('snapshot/')) disk.put(path, present(actor.disk.bytes(path), path))
  }
  const { storeId } = present(await readMeta(disk), 'a store')
  const genesis = fastSha256(storeId)
  const { state } = await openState({ disk, store: memoryKeyValue(), domain, genesis })
  return textOf(state)
}

function difference(a: string, b: string): string {
  let at = 0
  while (at < a.length && a[at] === b[at]) at += 1
  const from = Math.max(0, at - 60)
  return `"${a.slice(from, at + 80)}" and "${b.slice(from, at + 80)}"`
}
