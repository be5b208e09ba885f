/**
 * One meter's account with the gateway: the payer with its chains and keys, between messages on
 * one side and the meter on the other.
 * @module
 */
import type { Log } from '../ports/index.ts'
import { equalBytes } from '../protocol/bytes.ts'
import type { Terms } from '../protocol/chain.ts'
import { readingAt } from '../protocol/channel.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { algorithmByte, verifyDigest } from '../protocol/keys.ts'
import type { Accept, AckEntry, Reject, Slot, SupplyNotice } from '../protocol/messages.ts'
import { encodeCommit } from '../protocol/messages.ts'
import type { Channel, Commitment, Mandate, Signed } from '../protocol/structures.ts'
import { channelStructure, digestOf, mandateStructure } from '../protocol/structures.ts'
import type { Tick } from '../protocol/tick.ts'
import type { Domain } from '../protocol/typedData.ts'
import { type NewestChannel, newestAfter, wasReplaced } from './channelPlace.ts'
import type { Epochs } from './epochs.ts'
import type { LimitBook, LimitRecord, Now, OwnLimits } from './ownLimits.ts'
import { awaitsRecord } from './ownLimits.ts'
import type { PayerAction, PayerEvent, TickPlace } from './payer.ts'
import { stepPayer } from './payer.ts'
import type { Ordered, Payer, Purpose } from './payerState.ts'
import { newPayer } from './payerState.ts'
import type { SupplyDecision } from './supplyRule.ts'
import type { KnownTariff } from './tariffs.ts'
import { tariffsFor } from './tariffs.ts'

/** Who this device is and whom it trusts. */
export type Identity = {
  readonly domain: Domain
  readonly fleet: string
  readonly device: string
  readonly gateway: string
  readonly publicKey: PublicKey
  /** When known, mandates are verified; else the gateway is believed, for it bears the risk. */
  readonly fleetSigner: PublicKey | undefined
}

export type AccountConfig = {
  readonly meter: string
  readonly unit: string
  readonly own: OwnLimits
  readonly record: LimitRecord | undefined
}

export type AccountWorld = {
  readonly identity: Identity
  readonly epochs: Epochs
  readonly log: Log
  readonly now: () => Now
  readonly send: (name: 'open' | 'commit', payload: Uint8Array) => void
  readonly show: (slot: number, ticks: readonly Tick[]) => void
  readonly forgetTicks: (slot: number) => void
  readonly order: (order: SupplyDecision) => void
  /** Units for which the gateway holds a proof: the meter's readings are never below them. */
  readonly counted: (units: bigint) => void
  readonly save: (record: LimitRecord) => Promise<void>
  readonly resync: () => void
}

export type Signatures = { opened: number; renewals: number; checkpoints: number }

export type Account = {
  readonly config: AccountConfig
  readonly payer: () => Payer
  readonly signatures: () => Readonly<Signatures>
  /** The channel's asset, once the gateway told of it. */
  readonly channel: () => Channel | undefined
  /** What is wrong and needs a person. */
  readonly problem: () => string | undefined
  readonly takeReading: (units: bigint) => void
  readonly takeTariffs: (tariffs: readonly KnownTariff[]) => void
  readonly takeSlot: (slot: Slot) => void
  readonly takeAck: (entry: AckEntry) => void
  readonly takeAccept: (accept: Accept) => void
  readonly takeReject: (reject: Reject) => void
  readonly takeSupply: (notice: SupplyNotice) => void
  readonly takeOrders: (ordered: Ordered) => void
  /** The gateway has signed what was never shown: nothing is paid until it proves better. */
  readonly haltForLie: () => void
  readonly goOffline: () => void
  readonly stop: () => void
  /** To be called about once a second. */
  readonly tick: () => void
}

const counterOf = { open: 'opened', renewal: 'renewals', checkpoint: 'checkpoints' } as const
/** A record that the disk did not take is tried again after this long. */
const SAVE_RETRY_MS = 60_000
/** While payment waits for it, after this long. */
const AWAITED_RETRY_MS = 2_000
const REPLACED =
  'the gateway offers a channel that another has replaced, as after a restore: nothing is paid ' +
  'twice; run `tickpay device replace` there once more'

type Running = {
  readonly config: AccountConfig
  readonly world: AccountWorld
  payer: Payer
  channel: Channel | undefined
  /** Of the newest channel that was paid on, also by an earlier run. */
  newest: NewestChannel | undefined
  tariffs: readonly KnownTariff[]
  problem: string | undefined
  saveProblem: string | undefined
  signProblem: string | undefined
  /** A commitment that is being signed: nobody else can have it. */
  unsent: Terms | undefined
  savedMs: number
  readonly signatures: Signatures
}

/** The account of one meter; it does nothing by itself. */
export function createAccount(config: AccountConfig, world: AccountWorld): Account {
  const running: Running = {
    config,
    world,
    payer: newPayer(config.own, config.record),
    channel: undefined,
    newest: config.record?.place,
    tariffs: [],
    problem: undefined,
    saveProblem: undefined,
    signProblem: undefined,
    unsent: undefined,
    savedMs: 0,
    signatures: { opened: 0, renewals: 0, checkpoints: 0 },
  }
  return {
    config,
    payer: () => running.payer,
    signatures: () => running.signatures,
    channel: () => running.channel,
    problem: () => running.problem ?? running.signProblem ?? running.saveProblem,
    takeReading: (units) => feed(running, { kind: 'reading', units }),
    takeTariffs: (tariffs) => takeTariffs(running, tariffs),
    takeSlot: (slot) => takeSlot(running, slot),
    takeAck: (entry) => feed(running, { kind: 'ack', entry }),
    takeAccept: (accept) => takeAccept(running, accept),
    takeReject: (reject) => takeReject(running, reject),
    takeSupply: ({ supply }) => feed(running, { kind: 'supply', supply }),
    takeOrders: (ordered) => feed(running, { kind: 'ordered', ordered }),
    haltForLie: () => haltForLie(running),
    goOffline: () => feed(running, { kind: 'offline' }),
    stop: () => feed(running, { kind: 'stop' }),
    tick: () => tick(running),
  }
}

function feed(running: Running, event: PayerEvent): void {
  const { payer, actions } = stepPayer(running.payer, event, running.world.now())
  running.payer = payer
  for (const action of actions) carryOut(running, action)
}

function carryOut(running: Running, action: PayerAction): void {
  const { world } = running
  switch (action.kind) {
    case 'show':
      world.show(slotNumber(running), ticksOf(running, action.places))
      break
    case 'offer':
      running.signatures[counterOf[action.purpose]] += 1
      sendCommitment(running, action.purpose, action.terms)
      break
    case 'repeat':
      sendCommitment(running, action.purpose, action.terms)
      break
    case 'supply':
      world.order(action.order)
      break
    case 'record':
      save(running, action.book)
      break
    case 'resync':
      world.resync()
      break
  }
}

function sendCommitment(running: Running, purpose: Purpose, terms: Terms): void {
  const { world } = running
  const slot = slotNumber(running)
  // Words that have not left yet must not follow a checkpoint that is not accepted.
  if (purpose !== 'renewal') world.forgetTicks(slot)
  const answer = world.epochs.commit(terms)
  if (answer instanceof Promise) awaitSignature(running, purpose, terms, answer)
  else sendSigned(running, purpose, answer)
}

/** While it lasts the offer stands: nothing else is offered, and no word follows a checkpoint. */
function awaitSignature(
  running: Running,
  purpose: Purpose,
  terms: Terms,
  answer: Promise<Signed<Commitment>>,
): void {
  if (running.unsent === terms) return
  running.unsent = terms
  answer.then(
    (commitment) => takeSignature(running, purpose, terms, commitment),
    (error: unknown) => takeSignFailure(running, terms, error),
  )
}

function sendSigned(running: Running, purpose: Purpose, commitment: Signed<Commitment>): void {
  const payload = encodeCommit({ slot: slotNumber(running), commitment })
  running.world.send(purpose === 'open' ? 'open' : 'commit', payload)
}

/** A signature came late: it is sent only if it is still the one that is wanted. */
function takeSignature(
  running: Running,
  purpose: Purpose,
  terms: Terms,
  commitment: Signed<Commitment>,
): void {
  if (running.unsent !== terms) return
  running.unsent = undefined
  running.signProblem = undefined
  if (running.payer.offer?.terms === terms) sendSigned(running, purpose, commitment)
}

/** The payer repeats its offer, and with it the signature is asked for again. */
function takeSignFailure(running: Running, terms: Terms, error: unknown): void {
  if (running.unsent === terms) running.unsent = undefined
  running.signProblem = error instanceof Error ? error.message : String(error)
  const { config, world } = running
  world.log('error', 'a commitment could not be signed', {
    meter: config.meter,
    reason: running.signProblem,
  })
}

function takeAccept(running: Running, { epoch }: Accept): void {
  // Whatever says so, a commitment that has not left this device is not accepted.
  if (running.unsent?.epoch === epoch) return
  feed(running, { kind: 'accept', epoch })
}

function save(running: Running, book: LimitBook): void {
  const { world } = running
  const { channelId, hour, hourBase, day, dayBase } = book
  const place = running.newest
  const record = { channelId, hour, hourBase, day, dayBase, ...(place && { place }) }
  running.savedMs = world.now().monotonicMs
  world.save(record).then(
    () => {
      running.saveProblem = undefined
      feed(running, { kind: 'recorded', record })
    },
    (error: unknown) => {
      running.saveProblem = error instanceof Error ? error.message : String(error)
      world.log('error', 'the record of own limits is not durable', {
        reason: running.saveProblem,
      })
    },
  )
}

function takeTariffs(running: Running, tariffs: readonly KnownTariff[]): void {
  running.tariffs = tariffs
  const { channel, config } = running
  const known = channel ? tariffsFor(tariffs, channel, config.unit) : []
  feed(running, { kind: 'tariffs', tariffs: known })
}

function takeSlot(running: Running, slot: Slot): void {
  const { config, world } = running
  const { identity } = world
  const foreign = foreignIn(slot.channel, identity, config.meter)
  if (foreign) {
    running.problem = `the gateway offers a channel that is not this meter's: ${foreign}`
    world.log('error', running.problem, { meter: config.meter })
    return
  }
  const channelId = digestOf(identity.domain, channelStructure, slot.channel)
  if (wasReplaced(slot.channel, channelId, running.newest)) {
    running.problem = REPLACED
    world.log('error', running.problem, { meter: config.meter })
    return
  }
  const proof = world.epochs.prove(channelId, slot.held, slot.pending)
  if (proof === 'gateway_lied') reportLie(running)
  else if (proof.held) world.counted(readingAt(proof.held.terms, proof.held.index))
  const mandate = believedMandate(slot.mandate, channelId, identity)
  running.problem = slot.mandate && !mandate ? 'the mandate is not signed by the fleet' : undefined
  running.channel = slot.channel
  running.newest = newestAfter(slot.channel, channelId, running.newest)
  const tariffs = tariffsFor(running.tariffs, slot.channel, config.unit)
  const { maxLength, supply } = slot
  const facts = { slot: slot.slot, channelId, mandate, maxLength, supply, tariffs }
  feed(running, { kind: 'slot', facts, proof })
}

function takeReject(running: Running, { refused, reason, held, pending }: Reject): void {
  const { config, payer, world } = running
  if (!payer.facts) return
  const level = reason === 'stale' ? 'debug' : 'warn'
  world.log(level, 'the gateway refused a message', { meter: config.meter, refused, reason })
  const proof = world.epochs.prove(payer.facts.channelId, held, pending)
  if (proof === 'gateway_lied') reportLie(running)
  feed(running, { kind: 'reject', refusal: { refused, reason }, proof })
}

function tick(running: Running): void {
  const { book } = running.payer
  const now = running.world.now()
  const retryMs = awaitsRecord(book, now) ? AWAITED_RETRY_MS : SAVE_RETRY_MS
  const isDue = now.monotonicMs - running.savedMs >= retryMs
  if (book && running.saveProblem && isDue) save(running, book)
  feed(running, { kind: 'time' })
}

function slotNumber({ payer }: Running): number {
  return payer.facts?.slot ?? 0
}

function ticksOf(running: Running, places: readonly TickPlace[]): readonly Tick[] {
  const slot = slotNumber(running)
  return places.map(({ terms, index }) => ({
    slot,
    epoch: terms.epoch,
    index,
    word: running.world.epochs.wordAt(terms, index),
  }))
}

/** What of a channel is not this device's own; undefined when all is. */
function foreignIn(channel: Channel, identity: Identity, meter: string): string | undefined {
  const { publicKey } = identity
  const isMyKey =
    channel.payerAlgorithm === algorithmByte(publicKey.algorithm) &&
    equalBytes(channel.payerKey, publicKey.bytes)
  if (!isMyKey) return 'another key'
  if (channel.fleet !== identity.fleet) return `fleet ${channel.fleet}`
  if (channel.gateway !== identity.gateway) return `gateway ${channel.gateway}`
  return channel.meter === meter ? undefined : `meter ${channel.meter}`
}

function believedMandate(
  signed: Signed<Mandate> | undefined,
  channelId: Uint8Array,
  { domain, fleetSigner }: Identity,
): Mandate | undefined {
  if (!signed || !equalBytes(signed.value.channelId, channelId)) return undefined
  if (!fleetSigner) return signed.value
  const digest = digestOf(domain, mandateStructure, signed.value)
  return verifyDigest(fleetSigner, digest, signed.signature) ? signed.value : undefined
}

function haltForLie(running: Running): void {
  const { facts } = running.payer
  reportLie(running)
  if (facts) feed(running, { kind: 'slot', facts, proof: 'gateway_lied' })
}

function reportLie({ config, world }: Running): void {
  world.log('error', 'the gateway claims to hold what this device never signed: nothing is paid', {
    meter: config.meter,
  })
}
