/**
 * Receipts: from time to time one Merkle tree over the channels that moved, one signature for all
 * of them, and to each device its leaf and path. What is signed is journaled before it is
 * sent, and each root names the one before it.
 * @module
 */
import type { Cancel } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { signDigest } from '../../protocol/keys.ts'
import { receiptLeaf } from '../../protocol/merkle.ts'
import type { ReceiptProof } from '../../protocol/receipts.ts'
import { decodeReceipt, decodeReceiptRequest, encodeReceipt } from '../../protocol/receipts.ts'
import type { Receipt, ReceiptRoot } from '../../protocol/structures.ts'
import { digestOf, receiptRootStructure, signedToWire } from '../../protocol/structures.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import { sendDurable } from '../intake/send.ts'
import type { Session } from '../intake/session.ts'
import { channelOf } from '../intake/session.ts'
import type { IssuedReceipts } from '../state/receipts.ts'
import {
  LEAVES_PER_TURN,
  RECEIPTS_PER_ROOT_MAX,
  RECEIPTS_SHARE,
  RECEIPTS_WAITING_MAX,
  SENT_PER_TURN,
  TURN_MS_MAX,
} from './limits.ts'
import { createMoved, type Moved } from './moved.ts'
import { type ChannelIds, idsOf, inOrder } from './order.ts'
import type { PackedReceipts, Reached } from './packed.ts'
import { countPacked, packReceipts, unpackReceipt } from './packed.ts'
import { type ReceiptTree, receiptTree } from './tree.ts'
import { createTurns, type NextTurn } from './turns.ts'

const NO_ROOT = new Uint8Array(32)
const HASH_BYTES = 32

export type Receipts = {
  /** Makes receipts for what moved, unless that is under way; then once more afterwards. */
  readonly begin: () => void
  /** Resolves when nothing is under way any more, and nothing is begun again. */
  readonly stop: () => Promise<void>
}

class Stopped extends Error {}

/** Makes receipts every `seconds`; never where that is 0. */
export function createReceipts(
  core: Core,
  seconds: number,
  waitingMax = RECEIPTS_WAITING_MAX,
): Receipts {
  const { timers, log } = core.ports
  const moved = createMoved(core)
  let isStopped = false
  let isAgain = false
  let running: Promise<void> | undefined
  const turns = createTurns(core.ports.clock, timers, RECEIPTS_SHARE, TURN_MS_MAX)
  const nextTurn = async () => {
    await turns.next()
    if (isStopped) throw new Stopped()
  }
  const pace = { nextTurn, waitingMax }
  const start = (act: () => Promise<void>) => {
    turns.begin()
    running = act()
      .catch((error: unknown) => {
        if (error instanceof Stopped) return
        log('error', 'receipts could not be made; they are tried again', { reason: String(error) })
      })
      .then(() => {
        running = undefined
        if (isAgain) begin()
      })
  }
  const begin = () => {
    isAgain = running !== undefined
    if (!isStopped && !running) start(() => issueAll(core, moved, pace))
  }
  const { newest } = core.state.receipts
  if (newest) {
    publishRoot(core, newest)
    start(() => finish(core, newest, pace))
  }
  let cancel: Cancel = () => {}
  if (seconds > 0) cancel = timers.every(seconds * 1_000, begin)
  return {
    begin: () => {
      if (seconds > 0) begin()
    },
    stop: async () => {
      cancel()
      isStopped = true
      isAgain = false
      await running
    },
  }
}

/** So many receipts may wait for the disk. */
type Pace = { readonly nextTurn: NextTurn; readonly waitingMax: number }

async function issueAll(core: Core, moved: Moved, pace: Pace): Promise<void> {
  for (;;) {
    const reached = await moved.take(RECEIPTS_PER_ROOT_MAX, pace.nextTurn)
    if (reached.length === 0) return
    await issue(core, reached, pace)
    if (reached.length < RECEIPTS_PER_ROOT_MAX) return
  }
}

async function issue(core: Core, reached: readonly Reached[], pace: Pace): Promise<void> {
  const { ordered, ids } = await inOrder(core, reached, pace.nextTurn)
  const packed = packReceipts(ordered)
  // The root speaks of what is durable: what was looked at may not be yet.
  await core.writer.drained()
  const tree = await treeOf(packed, ids, pace.nextTurn)
  const root = signRoot(core, tree.root, reached.length)
  const issued = { root, ...packed }
  core.writer.record({ kind: 'receipted', ...issued })
  await core.writer.drained()
  publishRoot(core, issued)
  await deliver(core, { ...issued, ids, tree }, pace)
}

function signRoot(core: Core, root: Uint8Array, channels: number) {
  const { domain, receipts, lives } = core.state
  const before = receipts.newest?.root.value
  const value: ReceiptRoot = {
    gateway: core.config.gateway,
    life: present(lives.at(-1), 'a gateway that runs has a life').life,
    previous: before ? digestOf(domain, receiptRootStructure, before) : NO_ROOT,
    position: core.writer.position(),
    root,
    channels,
    issuedAt: core.writer.seconds(),
  }
  return { value, signature: signDigest(core.key, digestOf(domain, receiptRootStructure, value)) }
}

async function treeOf(packed: PackedReceipts, ids: ChannelIds, nextTurn: NextTurn) {
  const count = countPacked(packed)
  const leaves = new Uint8Array(count * HASH_BYTES)
  for (let place = 0; place < count; place++) {
    leaves.set(receiptLeaf(receiptAt(packed, ids, place)), place * HASH_BYTES)
    if ((place + 1) % LEAVES_PER_TURN === 0) await nextTurn()
  }
  return receiptTree(leaves, nextTurn)
}

function receiptAt(packed: PackedReceipts, ids: ChannelIds, place: number): Receipt {
  const { channel, ...reached } = unpackReceipt(packed, place)
  return { channelId: ids.at(place), ...reached }
}

/** Hands out what a former process signed and did not get to hand out, the same to the byte. */
async function finish(core: Core, issued: IssuedReceipts, pace: Pace): Promise<void> {
  if (isHandedOut(core, issued)) return
  const ids = await idsOf(core, channelsOf(issued), pace.nextTurn)
  const tree = await treeOf(issued, ids, pace.nextTurn)
  await deliver(core, { ...issued, ids, tree }, pace)
}

/** They are filed in order: when the last one is there, all are. */
function isHandedOut(core: Core, issued: IssuedReceipts): boolean {
  const last = countPacked(issued) - 1
  const { channel } = unpackReceipt(issued, last)
  const filed = core.state.cold.receipt(channel)
  const root = filed && decodeReceipt(filed)?.root
  return root !== undefined && equalBytes(root.signature, issued.root.signature)
}

function channelsOf(packed: PackedReceipts): readonly number[] {
  const places = Array.from({ length: countPacked(packed) }, (_, place) => place)
  return places.map((place) => unpackReceipt(packed, place).channel)
}

/** What is signed, with all that a proof of each takes. */
type Provable = IssuedReceipts & { readonly ids: ChannelIds; readonly tree: ReceiptTree }

async function deliver(
  core: Core,
  issued: Provable,
  { nextTurn, waitingMax }: Pace,
): Promise<void> {
  const { ids, tree } = issued
  const count = countPacked(issued)
  for (let place = 0; place < count; place++) {
    const receipt = receiptAt(issued, ids, place)
    const { channel } = unpackReceipt(issued, place)
    const proof: ReceiptProof = { receipt, place, path: tree.path(place), root: issued.root }
    const payload = encodeReceipt(proof)
    core.state.cold.putReceipt(channel, payload)
    sendToOwner(core, channel, payload)
    if ((place + 1) % SENT_PER_TURN === 0) await nextTurn()
    // However slow the disk is, and however many they are, no more of them wait for it in memory.
    if ((place + 1) % waitingMax === 0) await core.writer.drained()
  }
  await core.writer.drained()
}

function sendToOwner(core: Core, channel: number, payload: Uint8Array): void {
  const { fleet, device, slot } = core.state.cold.channel(channel)
  const session = core.sessions.get(clientIdOf(fleet, device))
  if (!session || channelOf(session, slot) !== channel) return
  send(core, session, slot, payload)
}

/** A newer receipt says all that one of the same channel did. */
function send(core: Core, session: Session, slot: number, payload: Uint8Array): void {
  sendDurable(core, session, 'receipt', () => payload, `receipt ${slot}`)
}

/** `up/receipt`: the newest receipt once more, byte for byte; no answer where there is none. */
export function takeReceiptRequest(core: Core, session: Session, payload: Uint8Array): void {
  const request = decodeReceiptRequest(payload)
  const channel = request && channelOf(session, request.slot)
  const receipt = channel === undefined ? undefined : core.state.cold.receipt(channel)
  if (request && receipt) send(core, session, request.slot, receipt)
}

/** Retained, so that whoever comes later can hold it against another one. */
function publishRoot(core: Core, { root }: Pick<IssuedReceipts, 'root'>): void {
  const { gateway, position, channels, previous, issuedAt } = root.value
  const digest = digestOf(core.state.domain, receiptRootStructure, root.value)
  const topic = formatTopic({ kind: 'gateway', gateway, name: 'receipts' })
  const text = JSON.stringify({
    position,
    channels,
    issuedAt,
    digest: bytesToHex(digest),
    previous: bytesToHex(previous),
    signed: bytesToHex(encodeCbor(signedToWire(receiptRootStructure, root))),
  })
  core.link.publish(topic, utf8ToBytes(text), { retain: true })
}
