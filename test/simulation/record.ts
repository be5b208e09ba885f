/**
 * What the world itself knows, beside all programs: what every device has signed and shown, what
 * every gateway has acknowledged, and what was found to be wrong.
 * @module
 */
import { createHash, type Hash } from 'node:crypto'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import { amountAt, readingAt } from '../../protocol/channel.ts'
import { decodeCommit } from '../../protocol/messages.ts'
import { CHECKPOINT, type Commitment, type Signed } from '../../protocol/structures.ts'
import { countTicks, type Tick, tickAt } from '../../protocol/tick.ts'
import { parseTopic } from '../../protocol/topics.ts'

export const invariants = [
  'money is conserved',
  'amounts never fall',
  'accepted is within allocation and mandate',
  'acknowledged is durable',
  'settled once and never above its proof',
  'supplied within the credit window',
  'a refusal changes nothing',
  'memory per client is bounded',
  'state is the fold of the journal',
  'honest channels progress',
  'the fence comes up, and only then',
  'supply follows the rules',
  'verdicts are those of the tables',
  'nothing fails by itself',
  'a login is judged by its time and nonce',
  'a signature counts at one ledger',
  'no word counts under two commitments',
  'positions are given once',
  'money leaves after its notice',
  'a device keeps its own limits',
  'supply fails safe',
  'the ledger refuses what is wrong',
  'the fleet signs nothing that is wrong',
  'a meter has one open channel',
  'nothing is shown beside a checkpoint',
] as const
export type Invariant = (typeof invariants)[number]

export type Violation = { readonly invariant: Invariant; readonly detail: string }

/** Commitments of one epoch that are kept: an honest device makes one. */
const alternativesMax = 8

export type Shown = { amount: bigint; reading: bigint }

export type WorldRecord = {
  readonly violations: Violation[]
  readonly violate: (invariant: Invariant, detail: string) => void
  /** By channel id in hex. */
  readonly shown: Map<string, Shown>
  /** Signatures that were made for another ledger, in hex. */
  readonly foreign: Set<string>
  /** Which commitment each accepted word was accepted under, by the word in hex. */
  readonly wordOwners: Map<string, string>
  /** A device hands over a word, or at index 0 a checkpoint. */
  onShown: (commitment: Commitment, index: number) => void
  /** Notes what a device hands to its connection. */
  readonly deviceSent: (topic: string, payload: Uint8Array) => void
  /** The commitment that a device's slot made for an epoch, newest last. */
  readonly commitment: (
    device: string,
    slot: number,
    epoch: number,
    channelId: Uint8Array,
  ) => Commitment | undefined
  /** One line for whoever wants to read along, and a part of the history's hash. */
  readonly note: (text: string) => void
  readonly noteMessage: (direction: string, topic: string, payload: Uint8Array) => void
  readonly history: () => string
}

/** Whether a device's commitment, or a word of it, is what it claims to be. */
export type Proves = (device: string, commitment: Signed<Commitment>, tick?: Tick) => boolean

export function worldRecord(
  nowMs: () => number,
  tell: (line: string) => void,
  proves: Proves,
): WorldRecord {
  const violations: Violation[] = []
  const shown = new Map<string, Shown>()
  const commitments = new Map<string, Signed<Commitment>[]>()
  const remember = (name: string, commitment: Signed<Commitment>) => {
    const known = commitments.get(name) ?? []
    known.push(commitment)
    commitments.set(name, known.slice(-alternativesMax))
  }
  const hash = createHash('sha256')
  const show = (commitment: Commitment, index: number) => {
    raise(shown, commitment, index)
    record.onShown(commitment, index)
  }
  const note = (text: string) => {
    const line = `${nowMs().toString().padStart(6)} ${text}`
    hash.update(line)
    tell(line)
  }
  const record: WorldRecord = {
    onShown: () => undefined,
    foreign: new Set(),
    wordOwners: new Map(),
    violations,
    violate: (invariant, detail) => {
      if (violations.length < 20) violations.push({ invariant, detail })
      note(`VIOLATED: ${invariant}: ${detail}`)
    },
    shown,
    deviceSent: (text, payload) => {
      const topic = parseTopic(text)
      if (topic?.kind !== 'up') return
      if (topic.name === 'open' || topic.name === 'commit') {
        const commit = decodeCommit(payload)
        if (!commit) return
        const { value } = commit.commitment
        if (!proves(topic.device, commit.commitment)) return
        remember(`${topic.device} ${commit.slot} ${value.epoch}`, commit.commitment)
        if (value.kind === CHECKPOINT) show(value, 0)
      } else if (topic.name === 'tick') {
        for (let place = 0; place < (countTicks(payload) ?? 0); place++) {
          const tick = tickAt(payload, place)
          const known = commitments.get(`${topic.device} ${tick.slot} ${tick.epoch}`) ?? []
          const own = known.findLast((one) => proves(topic.device, one, tick))
          if (own && tick.index > 0) show(own.value, tick.index)
        }
      }
    },
    commitment: (device, slot, epoch, channelId) =>
      commitments
        .get(`${device} ${slot} ${epoch}`)
        ?.findLast(({ value }) => equalBytes(value.channelId, channelId))?.value,
    note,
    noteMessage: (direction, topic, payload) =>
      hashMessage(hash, nowMs(), direction, topic, payload),
    history: () => hash.copy().digest('hex').slice(0, 16),
  }
  return record
}

function raise(shown: Map<string, Shown>, commitment: Commitment, index: number): void {
  const id = bytesToHex(commitment.channelId)
  const amount = amountAt(commitment, index)
  const reading = readingAt(commitment, index)
  const known = shown.get(id) ?? { amount: 0n, reading: 0n }
  if (amount > known.amount) known.amount = amount
  if (reading > known.reading) known.reading = reading
  shown.set(id, known)
}

function hashMessage(
  hash: Hash,
  ms: number,
  direction: string,
  topic: string,
  payload: Uint8Array,
) {
  hash.update(`${ms} ${direction} ${topic} `)
  hash.update(payload)
}
