/**
 * What the fleet's co-signer is offered when all else is over: statements with one thing wrong
 * each, made from what a gateway holds and signed with its key. Each has to be refused for that
 * reason and for no other, so that no check hides behind another one.
 * @module
 */
import * as v from 'valibot'
import { type Cosigner, cosignWaiting } from '../../fleet/cosigner.ts'
import { type ChannelReport, channelReportSchema } from '../../fleet/reports.ts'
import type { SignedStatement } from '../../fleet/signedStatements.ts'
import type { DifferenceReason } from '../../fleet/statementCheck.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { publicKeyOf, signDigest } from '../../protocol/keys.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../protocol/limits.ts'
import { merkleRoot, type StatementLeaf, statementLeaf } from '../../protocol/merkle.ts'
import {
  digestOf,
  type Statement,
  signedToWire,
  statementStructure,
} from '../../protocol/structures.ts'
import { signerKey } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { passing } from './passing.ts'
import type { Shown } from './record.ts'
import type { SimWorld } from './world.ts'

/** A statement, and all that the fleet goes by when it looks at it. */
type Offer = {
  readonly statement: Statement
  readonly leaves: readonly StatementLeaf[]
  readonly reports: ReadonlyMap<string, ChannelReport>
  readonly shown: ReadonlyMap<string, Shown>
  readonly before: SignedStatement | undefined
}

/** Offers each gateway's fleet one sound statement, and then everything that is wrong. */
export async function offerToFleet(world: SimWorld): Promise<void> {
  for (const actor of world.gateways) {
    const sound = await soundOffer(world, actor)
    if (!sound) continue
    const offers = [['signed', sound], ...Object.entries(wrongOffers(sound))] as const
    for (const [expected, offer] of offers) {
      const found = await passing(world.time, judged(world, actor, offer))
      if (found === expected) continue
      const detail = `${actor.name}: ${found} instead of ${expected}`
      world.record.violate('the fleet signs nothing that is wrong', detail)
    }
  }
}

/** All that channels owe which their devices have shown, as the gateway would state it. */
async function soundOffer(world: SimWorld, actor: GatewayActor): Promise<Offer | undefined> {
  const { record, ports } = world
  const core = actor.running()?.core
  const [allocation] = core?.state.allocations ?? []
  if (!core || !allocation) return undefined
  const said = await passing(world.time, actor.call('channels', {}))
  const reports = new Map<string, ChannelReport>()
  const leaves: StatementLeaf[] = []
  for (const report of v.parse(v.array(channelReportSchema), said)) {
    const shown = record.shown.get(report.channelId)
    const number = core.state.cold.numberOf(Buffer.from(report.channelId, 'hex'))
    if (number === undefined || !shown || !isShown(report, shown)) continue
    const { channelId, channel } = core.state.cold.channel(number)
    if (!equalBytes(channel.allocation, allocation.id)) continue
    reports.set(report.channelId, report)
    leaves.push({ position: channel.position, channelId, amount: report.paid })
  }
  if (leaves.length === 0) return undefined
  const now = Math.floor(ports.clock.nowMs() / 1_000)
  const known = [...record.shown].filter(([id]) => reports.has(id))
  // Devices go on while the fleet is asked.
  const shown = new Map(known.map(([id, its]) => [id, { ...its }]))
  const times = { issuedAt: now, expiry: now + 60 }
  const base = { allocation: allocation.id, sequence: 7, evidencePaid: 9n, ...times }
  return { statement: stating(base, leaves), leaves, reports, shown, before: undefined }
}

function isShown(report: ChannelReport, shown: Shown): boolean {
  const { mandate, paid, settled, startReading, unitsPaid } = report
  const isCovered = paid > 0n && settled <= paid && paid <= shown.amount
  const isAllowed = mandate === null || paid <= mandate.limit
  return isCovered && isAllowed && startReading + unitsPaid <= shown.reading
}

function stating(
  base: Omit<Statement, 'total' | 'positions' | 'root'>,
  leaves: readonly StatementLeaf[],
): Statement {
  return {
    ...base,
    total: leaves.reduce((sum, { amount }) => sum + amount, 0n),
    positions: leaves.reduce((most, { position }) => Math.max(most, position + 1), 0),
    root: merkleRoot(new Map(leaves.map((one) => [one.position, statementLeaf(one)]))),
  }
}

/** By the only reason that stands against it. */
function wrongOffers(sound: Offer): Readonly<Record<DifferenceReason, Offer>> {
  const { statement, leaves, shown } = sound
  const [leaf] = leaves
  const { amount, channelId, position } = present(leaf, 'a leaf')
  const id = bytesToHex(channelId)
  const report = present(sound.reports.get(id), 'its report')
  const its = present(shown.get(id), 'what was shown of it')
  const stated = (change: Partial<Statement>): Offer => {
    return { ...sound, statement: { ...statement, ...change } }
  }
  const reported = (change: Partial<ChannelReport>): Offer => {
    return { ...sound, reports: new Map(sound.reports).set(id, { ...report, ...change }) }
  }
  const said = (change: Partial<Shown>): Offer => {
    return { ...sound, shown: new Map(shown).set(id, { ...its, ...change }) }
  }
  const after = (change: Partial<SignedStatement>): Offer => {
    return { ...sound, before: { ...signedOf(sound), ...change } }
  }
  const leafBefore = (place: number, change: object) => {
    const known = new Map(signedOf(sound).leaves)
    return { leaves: known.set(place, { channelId: id, amount, ...change }) }
  }
  const twice = [...leaves, { position, channelId, amount }]
  return {
    bad_time: stated({ issuedAt: statement.issuedAt + CLOCK_TOLERANCE_SECONDS + 5 }),
    old_sequence: after({ sequence: statement.sequence }),
    evidence_fell: after({ evidencePaid: statement.evidencePaid + 1n }),
    wrong_total: stated({ total: statement.total + 1n }),
    wrong_root: stated({ root: new Uint8Array(32).fill(7) }),
    wrong_positions: stated({ positions: statement.positions + 1 }),
    repeated_position: { ...sound, leaves: twice, statement: stating(statement, twice) },
    other_channel: after(leafBefore(position, { channelId: '07'.repeat(32) })),
    // Its report says that nothing of it was settled, so that no other check looks at it.
    amount_fell: {
      ...reported({ settled: 0n }),
      before: { ...signedOf(sound), ...leafBefore(position, { amount: amount + 1n }) },
    },
    leaf_missing: after(leafBefore(statement.positions, {})),
    unknown_channel: { ...sound, reports: without(sound.reports, id) },
    under_settled: reported({ settled: amount + 1n }),
    over_report: reported({ paid: amount - 1n, settled: 0n }),
    over_mandate: reported({ mandate: { ...noMandate, limit: amount - 1n } }),
    no_reading: { ...sound, shown: without(shown, id) },
    over_reading: reported({ unitsPaid: its.reading - report.startReading + 1n }),
    over_amount: said({ amount: amount - 1n }),
  }
}

function without<T>(map: ReadonlyMap<string, T>, name: string): ReadonlyMap<string, T> {
  return new Map([...map].filter(([one]) => one !== name))
}

const noMandate = { sequence: 1, limitPerDay: 0n, expiry: 0, claimUntil: 0 }

/** The fleet's memory of the very same leaves, in a statement before. */
function signedOf({ statement, leaves }: Offer): SignedStatement {
  const { sequence, evidencePaid } = statement
  const places = leaves.map(({ position, channelId, amount }) => {
    return [position, { channelId: bytesToHex(channelId), amount }] as const
  })
  return { sequence: sequence - 1, evidencePaid, digest: 'another', leaves: new Map(places) }
}

/** `signed`, or the reasons for which the product's own co-signer refuses. */
async function judged(
  { ledger, ports }: SimWorld,
  { key }: GatewayActor,
  offer: Offer,
): Promise<string> {
  const { domain } = ledger.running()
  const { statement: value, leaves, reports, shown, before } = offer
  const signature = signDigest(key, digestOf(domain, statementStructure, value))
  const statement = bytesToHex(encodeCbor(signedToWire(statementStructure, { value, signature })))
  const texts = leaves.map((one) => [one.position, bytesToHex(one.channelId), `${one.amount}`])
  const answers: Readonly<Record<string, object>> = {
    statement: { state: 'waiting', statement },
    'statement-leaves': { leaves: texts, next: null },
    cosign: { status: 'accepted' },
  }
  const known: ReturnType<Cosigner['known']> = {
    nowSeconds: Math.floor(ports.clock.nowMs() / 1_000),
    channels: reports,
    paidReadings: new Map([...shown].map(([id, { reading }]) => [id, reading])),
    paidAmounts: new Map([...shown].map(([id, { amount }]) => [id, amount])),
    tolerances: { toleranceUnits: new Map(), toleranceAmount: 0n, unreadAmountMax: 0n },
  }
  const { outcome, differences } = await cosignWaiting(
    {
      domain,
      signerKey,
      gatewayKey: publicKeyOf(key),
      signed: { last: async () => before, former: async () => undefined, put: async () => {} },
      log: () => undefined,
      known: () => known,
      ask: async (verb) => answers[verb],
    },
    'sign',
  )
  return outcome === 'cosigned' ? 'signed' : differences.map(({ reason }) => reason).join()
}
