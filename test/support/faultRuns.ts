/**
 * One fault at one system call of a real gateway, and what must hold after it: the program stops or
 * says that it could not, acknowledged is durable, and every unit is paid and settled once.
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Calls } from '../../cli/io/controlClient.ts'
import type { Session } from './deviceSession.ts'
import type { FaultGateway, FaultSite, FaultStore } from './faultSite.ts'
import { priceOf } from './faultSite.ts'
import type { Fault, FaultPoint } from './strace.ts'
import { attach, faultWords, ONE_THREAD, pointsIn, recordWords, wasReached } from './strace.ts'

export const OPERATIONS = ['commit', 'settlement', 'backup'] as const
export type Operation = (typeof OPERATIONS)[number]

/** A point with its path as it is within any copy. */
export type Place = FaultPoint & { readonly operation: Operation }

export type Outcome = {
  readonly reached: boolean
  /** What was promised before the fault, and what became of the process. */
  readonly told: string
  /** One line for each thing that must never be. */
  readonly faults: readonly string[]
}

const BACKUP = 'depot.backup'
const ANSWER_LIMIT_MS = 15_000

/** All calls with which an operation reaches the disk, in order. */
export async function placesOf(site: FaultSite, operation: Operation): Promise<readonly Place[]> {
  const store = site.copy()
  const log = join(store.folder, 'calls')
  const { gateway, session } = await ready(site, store)
  const tracer = await attach(gateway.pid, recordWords(log))
  await carryOut(operation, site, store, gateway, session)
  await tracer.detach()
  await gateway.run.kill()
  const points = pointsIn(log, `${store.folder}/`).filter(({ path }) => path !== log)
  store.remove()
  const within = (path: string) => path.slice(store.folder.length + 1)
  return points.map((point) => ({ ...point, path: within(point.path), operation }))
}

async function ready(site: FaultSite, store: FaultStore) {
  const gateway = await store.start({ env: ONE_THREAD })
  const session = await gateway.login()
  await session.tick(site.committed, site.ticks + 1)
  return { gateway, session }
}

/** What was promised to whoever asked for it. */
export type Promised = {
  /** Acknowledged. */
  readonly ticks: number
  /** Shown, acknowledged or not. */
  readonly sent: number
  readonly settled: bigint
  readonly backup: boolean
}

async function carryOut(
  operation: Operation,
  site: FaultSite,
  store: FaultStore,
  { run, calls }: FaultGateway,
  session: Session,
): Promise<Promised> {
  const next = site.ticks + 2
  const before = { ticks: site.ticks + 1, sent: next, settled: 0n, backup: false }
  const steps: Record<Operation, () => Promise<Promised>> = {
    commit: async () => {
      await session.tick(site.committed, next)
      return { ...before, ticks: next }
    },
    settlement: async () => {
      await calls.call('settle', {})
      return { ...before, settled: priceOf(site.ticks + 1) }
    },
    backup: async () => ({ ...before, backup: await makeBackup(calls, store) }),
  }
  const nothing = run.ended.then(() => before)
  const asked = steps[operation]().catch(() => before)
  return Promise.race([asked, nothing, late(before)])
}

function late<T>(value: T): Promise<T> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(value), ANSWER_LIMIT_MS).unref()
  })
}

async function makeBackup(calls: Calls, store: FaultStore): Promise<boolean> {
  await calls.call('backup', { target: join(store.folder, BACKUP) })
  for (;;) {
    const { state } = (await calls.call('backup_status', {})) as { state: string }
    if (state !== 'running') return state === 'done'
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Carries out the operation with the fault, starts again without it, and looks at everything. */
export async function runFault(site: FaultSite, place: Place, fault: Fault): Promise<Outcome> {
  const store = site.copy()
  try {
    const log = join(store.folder, 'calls')
    const { gateway, session } = await ready(site, store)
    const point = { ...place, path: join(store.folder, place.path) }
    const tracer = await attach(gateway.pid, faultWords(point, fault, log))
    const promised = await carryOut(place.operation, site, store, gateway, session)
    const reached = wasReached(log, fault)
    const ending = await endingOf(gateway, place, reached)
    await tracer.detach()
    const faults = ending.faults.slice()
    if (!reached) faults.push('the call was not reached')
    await gateway.run.kill()
    await session.transport.close().catch(() => undefined)
    faults.push(...(await looked(site, store, promised)))
    const acknowledged = `tick ${promised.ticks}, settled ${promised.settled}`
    const told = `${acknowledged}, backup ${promised.backup}; ${ending.how}`
    return { reached, told, faults }
  } finally {
    store.remove()
  }
}

/** A failed call of the store ends the process with one line; one of a backup only the backup. */
async function endingOf({ run }: FaultGateway, place: Place, reached: boolean) {
  const faults: string[] = []
  if (!reached) return { how: 'not reached', faults }
  const isOfBackup = place.path.startsWith(BACKUP)
  const mayGoOn = isOfBackup || place.operation === 'backup'
  const ended = await Promise.race([run.ended, late('goes on' as const), soon(mayGoOn)])
  if (ended === 'goes on') {
    if (!mayGoOn) faults.push('it goes on after a write of its store has failed')
  } else if (ended !== 'SIGKILL') {
    if (isOfBackup) faults.push('a backup that fails ends the gateway')
    if (ended === 0) faults.push('it ends as if all was well')
    if (run.errors.length !== 1) faults.push(`not one line but: ${run.errors.join(' | ')}`)
  }
  return { how: `${ended}${run.errors[0] === undefined ? '' : `: ${run.errors[0]}`}`, faults }
}

const GOES_ON_MS = 300

/** Whoever may go on is not waited for as long as who may not. */
function soon(mayGoOn: boolean): Promise<'goes on'> {
  return new Promise((resolve) => {
    if (mayGoOn) setTimeout(() => resolve('goes on'), GOES_ON_MS)
  })
}

/** Starts it without the fault; one line for each thing that does not hold or does not go on. */
export async function looked(
  site: FaultSite,
  store: FaultStore,
  promised: Promised,
): Promise<readonly string[]> {
  const wrong: string[] = []
  const hold = (isSo: boolean, line: string) => {
    if (!isSo) wrong.push(line)
  }
  const { sent } = promised
  const gateway = await store.start()
  const first = await gateway.figures()
  hold(first.held >= promised.ticks, `${promised.ticks} acknowledged, ${first.held} held`)
  hold(first.held <= sent, `${first.held} held, ${sent} were shown`)
  hold(first.accepted === priceOf(first.held), `${first.held} ticks for ${first.accepted}`)
  hold(first.settled >= promised.settled, `settled ${first.settled} of ${promised.settled}`)
  hold(first.settled <= first.accepted, `${first.settled} settled of ${first.accepted}`)
  const session = await gateway.login()
  await session.tick(site.committed, sent + 1)
  await gateway.calls.call('settle', {})
  const last = await gateway.figures()
  hold(last.held === sent + 1, `${last.held} held after tick ${sent + 1}`)
  hold(last.accepted === priceOf(last.held), `${last.held} ticks for ${last.accepted}`)
  hold(last.settled === last.accepted, `${last.settled} settled of ${last.accepted}`)
  hold(last.unsettled === 0n, `${last.unsettled} is unsettled`)
  hold(last.ledgerSum === 0n, `the ledger adds up to ${last.ledgerSum}`)
  wrong.push(...(await lookedAtBackup(gateway.calls, store, promised)))
  await session.transport.close()
  await gateway.calls.close()
  const code = await gateway.run.stop()
  hold(code === 0, `it stopped with ${code}: ${gateway.run.errors.join(' | ')}`)
  const verified = await store.ran('store', 'verify')
  hold(verified.code === 0, `store verify: ${verified.said}`)
  return wrong
}

/** A backup that was promised, or that has its name, is whole; else another one can be made. */
async function lookedAtBackup(
  calls: Calls,
  store: FaultStore,
  { backup }: Promised,
): Promise<readonly string[]> {
  const file = join(store.folder, BACKUP)
  if (backup && !existsSync(file)) return ['a backup was made that is not there']
  const made = existsSync(file) || (await makeBackup(calls, store))
  if (!made) return ['no backup can be made any more']
  const { code, said } = await store.restored(file)
  return code === 0 ? [] : [`the backup does not restore: ${said}`]
}
