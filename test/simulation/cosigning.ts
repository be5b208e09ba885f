/**
 * The fleet's service for statements: the product's own co-signer, which asks each gateway every
 * second. It knows what its devices have shown. It may refuse for a while, or sit on what it
 * signed; and what it signs is looked at once more.
 * @module
 */
import * as v from 'valibot'
import { type Cosigner, cosignWaiting } from '../../fleet/cosigner.ts'
import { type ChannelReport, channelReportSchema } from '../../fleet/reports.ts'
import { type SignedStatements, signedStatements } from '../../fleet/signedStatements.ts'
import type { Ports } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { StatementLeaf } from '../../protocol/merkle.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { memoryDisk } from '../support/memoryDisk.ts'
import { fleetName, signerKey } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { lyingStatements } from './lyingStatements.ts'
import type { WorldRecord } from './record.ts'

/** What the fleet has signed: by position, channel id in hex and amount. */
export type SignedLeaves = ReadonlyMap<
  number,
  { readonly channelId: string; readonly amount: bigint }
>

export type Cosigning = {
  /** What it does with statements that fit. */
  mode: 'signs' | 'refuses' | 'sits'
  /** Begins to ask these gateways. */
  readonly serve: (gateways: readonly GatewayActor[]) => void
  /** Hands over what it sat on, to the gateways and, as far as they let it, too late. */
  readonly handOver: () => Promise<void>
  /** Leaves of a statement that it signed, by its digest in hex. */
  readonly leavesOf: (digest: string) => SignedLeaves | undefined
}

type Sat = {
  readonly actor: GatewayActor
  readonly sequence: number
  readonly signature: string
}

type State = {
  readonly ports: Ports
  readonly domain: Domain
  readonly record: WorldRecord
  readonly signed: SignedStatements
  readonly leaves: Map<string, SignedLeaves>
  readonly sat: Sat[]
  readonly cosigning: Cosigning
}

const periodMs = 900
/** A gateway that dies answers nothing. */
const answerMs = 2_500

export function cosigningFleet(ports: Ports, domain: Domain, record: WorldRecord): Cosigning {
  const leaves: State['leaves'] = new Map()
  const cosigning: Cosigning = {
    mode: 'signs',
    serve: (gateways) => {
      for (const actor of gateways) keepAsking(state, actor)
    },
    handOver: async () => {
      for (const { actor, sequence, signature } of state.sat.splice(0)) {
        await actor.call('cosign', { fleet: fleetName, sequence, signature })
      }
    },
    leavesOf: (digest) => leaves.get(digest),
  }
  const kept = signedStatements(memoryDisk())
  const state: State = {
    ports,
    domain,
    record,
    signed: watchedStatements(record, kept, leaves),
    leaves,
    sat: [],
    cosigning,
  }
  return cosigning
}

function keepAsking(state: State, actor: GatewayActor): void {
  const { ports, cosigning } = state
  const again = () => ports.timers.after(periodMs, look)
  const look = () => {
    if (cosigning.mode === 'refuses' || !actor.running()) {
      again()
      return
    }
    lookOnce(state, actor).then(again, (error: unknown) => {
      if (!(error instanceof OperatorError) && !/ledger|injected|answer/.test(String(error))) {
        state.record.violate('nothing fails by itself', `co-signing: ${String(error)}`)
      }
      again()
    })
  }
  again()
}

async function lookOnce(state: State, actor: GatewayActor): Promise<void> {
  const { domain, ports, record, signed, sat, cosigning } = state
  const call = (verb: string, fields: object) => within(ports, actor.call(verb, fields))
  const ask = lyingStatements(actor, domain, async (verb, fields) => {
    if (verb === 'cosign' && cosigning.mode === 'sits') {
      sat.push({ actor, ...(fields as Pick<Sat, 'sequence' | 'signature'>) })
      return { status: 'accepted' }
    }
    return call(verb.replace('-', '_'), { fleet: fleetName, ...fields })
  })
  const channels = reportsIn(ask.report(await call('channels', {})))
  const known: Cosigner['known'] = () => ({
    nowSeconds: Math.floor(ports.clock.nowMs() / 1_000),
    channels,
    paidReadings: new Map([...record.shown].map(([id, { reading }]) => [id, reading])),
    paidAmounts: new Map([...record.shown].map(([id, { amount }]) => [id, amount])),
    tolerances: { toleranceUnits: new Map(), toleranceAmount: 0n, unreadAmountMax: 0n },
  })
  const cosigner: Cosigner = {
    domain,
    signerKey,
    gatewayKey: publicKeyOf(actor.key),
    signed,
    log: () => undefined,
    known,
    ask: ask.ask,
  }
  const result = await cosignWaiting(cosigner, 'sign')
  if (result.outcome === 'nothing_waits') return
  const reasons = result.differences.map(({ reason }) => reason).join()
  record.note(`fleet at ${actor.name}: ${result.outcome} ${result.sequence} ${reasons}`)
}

function within<T>({ timers }: Ports, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(answerMs, () => reject(new OperatorError('no answer')))
    work.then(resolve, reject).finally(cancel)
  })
}

function reportsIn(said: unknown): ReadonlyMap<string, ChannelReport> {
  const reports = v.parse(v.array(channelReportSchema), said)
  return new Map(reports.map((one) => [one.channelId, one]))
}

/** Whatever the fleet signs was shown by its devices and does not fall. */
function watchedStatements(
  record: WorldRecord,
  signed: SignedStatements,
  leaves: Map<string, SignedLeaves>,
): SignedStatements {
  const last = new Map<string, SignedLeaves>()
  return {
    ...signed,
    put: async (statement, digest, list) => {
      const allocation = bytesToHex(statement.allocation)
      const before = last.get(allocation)
      for (const leaf of list) watchLeaf(record, leaf, before)
      for (const position of before?.keys() ?? []) {
        if (list.some((leaf) => leaf.position === position)) continue
        record.violate('amounts never fall', `the fleet signs no leaf at ${position} any more`)
      }
      const sum = list.reduce((all, { amount }) => all + amount, 0n)
      if (sum !== statement.total) {
        const detail = `the fleet signs ${statement.total} for leaves of ${sum}`
        record.violate('settled once and never above its proof', detail)
      }
      const signedNow = new Map(
        list.map(({ position, channelId, amount }) => {
          return [position, { channelId: bytesToHex(channelId), amount }] as const
        }),
      )
      last.set(allocation, signedNow)
      leaves.set(bytesToHex(digest), signedNow)
      await signed.put(statement, digest, list)
    },
  }
}

function watchLeaf(
  record: WorldRecord,
  { position, channelId, amount }: StatementLeaf,
  before: SignedLeaves | undefined,
): void {
  const id = bytesToHex(channelId)
  const shown = record.shown.get(id)?.amount ?? 0n
  if (amount > shown) {
    const detail = `the fleet signs ${amount} for ${id}, ${shown} was shown`
    record.violate('settled once and never above its proof', detail)
  }
  const former = before?.get(position)
  if (!former) return
  if (former.channelId !== id || former.amount > amount) {
    const detail = `the fleet signs ${amount} for ${id} at ${position} after ${former.amount}`
    record.violate('amounts never fall', detail)
  }
}
