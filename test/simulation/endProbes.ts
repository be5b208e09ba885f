/**
 * What the ledger is offered when all else is over: claims and statements with one thing wrong
 * each, made from what the gateways hold. Each has to be refused, and for that reason.
 * @module
 */
import type { AllocationState, Claim, ClaimLeaf, StatementSubmission } from '../../ledger/ledger.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { amountAt } from '../../protocol/channel.ts'
import { signDigest } from '../../protocol/keys.ts'
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import { EMPTY_LEAF, rootFromPath, statementLeaf } from '../../protocol/merkle.ts'
import {
  type Channel,
  type Commitment,
  channelStructure,
  digestOf,
  type Mandate,
  RENEWAL,
  type Statement,
  statementStructure,
} from '../../protocol/structures.ts'
import { signerKey } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'
import { passing } from './passing.ts'
import type { SimWorld } from './world.ts'

type Offer = {
  readonly expected: string
  /** What the ledger knew when it was made. */
  readonly made: AllocationState
  readonly submit: () => Promise<Answer>
}
type Answer = { readonly status: string; readonly reason?: string }

export async function offerLast(world: SimWorld): Promise<void> {
  for (const actor of world.gateways) {
    const offers = [...(await statementOffers(world, actor)), ...(await claimOffers(world, actor))]
    for (const offer of offers) {
      const { status, reason } = await passing(world.time, offer.submit())
      if (status === 'refused' && reason === offer.expected) continue
      const now = await passing(world.time, world.ledger.running().allocation(offer.made.id))
      // What was settled meanwhile makes another thing wrong.
      if (now && settledIn(now) !== settledIn(offer.made)) continue
      const detail = `${actor.name}: ${reason ?? status} instead of ${offer.expected}`
      world.record.violate('the ledger refuses what is wrong', detail)
    }
  }
}

function settledIn({ evidencePaid, statementSequence }: AllocationState): string {
  return `${statementSequence} ${evidencePaid}`
}

const nowOf = ({ ledger }: SimWorld) => Math.floor(ledger.clock.nowMs() / 1_000)

/** More than the fleet may add, or the gateway be paid, while the probe is on its way. */
const OUT_OF_REACH = 10n ** 15n

async function statementOffers(world: SimWorld, actor: GatewayActor): Promise<readonly Offer[]> {
  const books = world.ledger.running()
  const now = nowOf(world)
  const offers: Offer[] = []
  for (const { id } of actor.running()?.core.state.allocations ?? []) {
    const state = await passing(world.time, books.allocation(id))
    if (!state?.gatewayKey) continue
    const { statementSequence, evidencePaid, paid, setAside } = state
    const next: Statement = {
      allocation: id,
      sequence: statementSequence + 1,
      total: paid,
      evidencePaid,
      positions: state.statementPositions,
      root: state.statementRoot,
      issuedAt: now - 1,
      expiry: now + 60,
    }
    const offer = (expected: string, change: Partial<Statement>, keys: Keys = {}) => {
      const one = signed(world, { ...next, ...change }, actor, keys)
      offers.push({ expected, made: state, submit: () => books.submitStatement(one, expected) })
    }
    if (statementSequence > 0) offer('old_sequence', { sequence: statementSequence })
    offer('expired', { issuedAt: now - 100, expiry: now - 50 })
    offer('evidence_differs', { evidencePaid: evidencePaid + OUT_OF_REACH })
    offer('no_funds', { total: setAside + OUT_OF_REACH })
    offer('bad_gateway_signature', {}, { gateway: signerKey })
    offer('bad_fleet_signature', {}, { fleet: actor.key })
  }
  return offers
}

type Key = GatewayActor['key']
type Keys = { readonly gateway?: Key; readonly fleet?: Key }

function signed(
  { ledger }: SimWorld,
  statement: Statement,
  { key }: GatewayActor,
  { gateway = key, fleet = signerKey }: Keys,
): StatementSubmission {
  const digest = digestOf(ledger.running().domain, statementStructure, statement)
  return {
    statement,
    gatewaySignature: signDigest(gateway, digest),
    fleetSignature: signDigest(fleet, digest),
  }
}

type Change = {
  readonly channel?: Partial<Channel>
  readonly mandate?: Partial<Mandate>
  readonly commitment?: Partial<Commitment>
  readonly index?: number
  readonly leaf?: ClaimLeaf | undefined
}

/** Of every channel of a gateway that is open. */
async function claimOffers(world: SimWorld, actor: GatewayActor): Promise<readonly Offer[]> {
  const core = actor.running()?.core
  if (!core) return []
  const offers: Offer[] = []
  for (const channel of openedIn(core)) offers.push(...(await offersOf(world, core, channel)))
  return offers
}

async function offersOf(world: SimWorld, core: Core, channel: number): Promise<readonly Offer[]> {
  const books = world.ledger.running()
  const { cold, hot } = core.state
  const { channel: terms } = cold.channel(channel)
  const mandate = cold.mandate(channel)
  const commitment = cold.commitment(channel, hot.columns.epoch[channel] ?? 0)
  const state = await passing(world.time, books.allocation(terms.allocation))
  if (!mandate || !commitment || !state) return []
  const leaf = core.leafProofs.leafOf(channel)
  if (state.statementSequence > 0 && !isInForce(state, terms.position, leaf)) return []
  const now = nowOf(world)
  const valid = { notBefore: now - 300, expiry: now + 300, claimUntil: now + 600 }
  const claimOf = (change: Change): Claim => {
    const to = { ...terms, ...change.channel }
    const channelId = digestOf(books.domain, channelStructure, to)
    const allowed = { ...mandate.value, ...valid, channelId, ...change.mandate }
    const committed = { ...commitment.value, channelId, ...change.commitment }
    const shown = 'leaf' in change ? change.leaf : leaf
    return {
      channel: to,
      mandate: { ...mandate, value: allowed },
      commitment: { ...commitment, value: committed },
      index: change.index ?? 1,
      word: committed.root,
      ...(shown && { leaf: shown }),
    }
  }
  const offer = (expected: string, change: Change): Offer => ({
    expected,
    made: state,
    submit: async () => (await books.submit([claimOf(change)], expected))[0] ?? { status: 'none' },
  })
  const { length } = commitment.value
  // No epoch is longer, so that an index behind the longest one has no form.
  const beyond = length === EPOCH_LENGTH_TICKS_MAX ? 'malformed' : 'out_of_range'
  const early = { notBefore: now + 100 }
  const over = { notBefore: now - 300, expiry: now - 200, claimUntil: now - 100 }
  const isPaidThere = [...books.channelsPaid(terms.allocation)].some(
    ({ position }) => position === terms.position,
  )
  const other = { salt: new Uint8Array(32).fill(77) }
  const foreign = isPaidThere ? 'position_taken' : 'foreign_leaf'
  return [
    offer('mandate_early', { mandate: early }),
    offer('mandate_expired', { mandate: over }),
    offer(beyond, { index: length + 1 }),
    offer('not_evidence', { commitment: { kind: RENEWAL }, index: 0 }),
    offer('over_mandate', { mandate: { limit: amountAt(commitment.value, 1) - 1n } }),
    ...(state.statementSequence > 0 && leaf
      ? [
          offer('no_leaf', { leaf: undefined }),
          offer('wrong_leaf', { leaf: { ...leaf, path: leaf.path.toReversed() } }),
          offer('wrong_leaf', { leaf: { ...leaf, amount: leaf.amount + 1n } }),
          ...(leaf.channelId === 'empty' ? [] : [offer(foreign, { channel: other })]),
        ]
      : []),
    offer('bad_mandate_signature', { mandate: { limit: mandate.value.limit + 1n } }),
  ]
}

function isInForce(state: AllocationState, position: number, leaf: ClaimLeaf | undefined): boolean {
  if (!leaf) return false
  const { amount, channelId, path } = leaf
  const hash = channelId === 'empty' ? EMPTY_LEAF : statementLeaf({ position, channelId, amount })
  return equalBytes(rootFromPath(hash, position, path), state.statementRoot)
}

type Core = NonNullable<ReturnType<GatewayActor['running']>>['core']

function openedIn({ state: { hot, cold } }: Core): readonly number[] {
  const all = Array.from({ length: hot.count() }, (_, channel) => channel)
  return all.filter((channel) => {
    const isOpen = (hot.columns.epoch[channel] ?? 0) > 0 && (hot.columns.flags[channel] ?? 0) === 0
    return isOpen && cold.mandate(channel) !== undefined
  })
}
