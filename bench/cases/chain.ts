/**
 * What a tick costs on both sides when nothing but the hash chain is looked at.
 * @module
 */
import * as crypto from 'node:crypto'
import { randomBytes } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import { createMeetsHeldWord } from '../../gateway/intake/ticks.ts'
import { hotChannels } from '../../gateway/state/hotChannels.ts'
import { fastSha256, fastStepHash } from '../../ledger/io/fastSha256.ts'
import type { Terms } from '../../protocol/chain.ts'
import {
  bindOf,
  buildChain,
  createWordCheck,
  lastWord,
  STEP_BYTES,
  to32Bit,
  WORD_32,
  WORD_BYTES,
  WORD_OFFSET,
} from '../../protocol/chain.ts'
import { judgeTick } from '../../protocol/channel.ts'
import { EPOCH_LENGTH_TICKS_MAX, JUMP_TICKS_MAX, TICK_BYTES } from '../../protocol/limits.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import { encodeTicks, TickView } from '../../protocol/tick.ts'
import type { Chart } from '../report/svg.ts'
import { figure, spreadText, type Table } from '../report/tables.ts'
import { ratioSpread, type Spread, spread } from '../statistics.ts'
import { atLeast, atMost, type Case } from './case.ts'

const LENGTH = EPOCH_LENGTH_TICKS_MAX

const terms: Terms = {
  kind: CHECKPOINT,
  channelId: new Uint8Array(32).fill(1),
  epoch: 1,
  base: 0n,
  length: LENGTH,
  unitsPerTick: 10n,
  pricePerTick: 3n,
  startReading: 0n,
  tariffHash: new Uint8Array(32).fill(2),
  issuedAt: 0,
  expiry: 1,
}

/** A chain's words as a gateway meets them: in the message, and in the column of its channel. */
type Words = {
  /** One tick for each index, 1 first. */
  readonly message: Uint8Array
  /** w_0 first, 32 bytes each. */
  readonly packed: Uint8Array
  readonly root: Uint8Array
}

function allWords(): Words {
  const chain = buildChain(new Uint8Array(randomBytes(32)), terms)
  const packed = new Uint8Array((LENGTH + 1) * WORD_BYTES)
  const message = new Uint8Array(LENGTH * TICK_BYTES)
  for (let index = 0; index <= LENGTH; index++) {
    const word = chain.wordAt(index)
    packed.set(word, index * WORD_BYTES)
    const tick = { slot: 0, epoch: 1, index, word }
    if (index > 0) message.set(encodeTicks([tick]), (index - 1) * TICK_BYTES)
  }
  return { message, packed, root: chain.root }
}

type Loop = (words: Words) => void

/** The least that any verifier must do, with one call of SHA-256 or another. */
function bareLoop(hash: (block: Uint8Array) => unknown): Loop {
  return ({ packed }) => {
    const block = new Uint8Array(STEP_BYTES)
    for (let index = 1; index <= LENGTH; index++) {
      const start = index * WORD_BYTES
      for (let i = 0; i < WORD_BYTES; i++) block[WORD_OFFSET + i] = packed[start + i] ?? 0
      hash(block)
    }
  }
}

const verifyLoop: Loop = ({ packed }) => {
  const bind = to32Bit(bindOf(terms))
  const held = to32Bit(packed)
  const leads = createWordCheck(fastStepHash)
  const shown = { bytes: packed, at: 0, index: 0 }
  for (let index = 1; index <= LENGTH; index++) {
    shown.at = index * WORD_BYTES
    shown.index = index
    const heldAt = (index - 1) * WORD_32
    if (!leads(bind, 0, shown, held, heldAt, index - 1)) throw new Error('a word is bad')
  }
}

/** All checks on a tick of a channel, cheapest first, as the gateway does them. */
const checkLoop: Loop = ({ message, root }) => {
  const hot = hotChannels()
  const channel = hot.add(1)
  const { columns } = hot
  columns.epoch[channel] = 1
  columns.length[channel] = LENGTH
  columns.claimUntilSeconds[channel] = 10
  columns.word.set(root)
  columns.bind.set(bindOf(terms))
  const meets = createMeetsHeldWord(hot.columns32, fastStepHash)
  const tick = new TickView(message)
  for (let at = 0; at < message.length; at += TICK_BYTES) {
    tick.moveTo(at)
    const verdict = judgeTick(hot.register(channel), tick, 1, JUMP_TICKS_MAX, meets)
    if (verdict !== 'accepted') throw new Error(`a word is ${verdict}`)
    columns.index[channel] = tick.index
    for (let i = 0; i < WORD_BYTES; i++) columns.word[i] = message[tick.at + i] ?? 0
  }
}

const loops = {
  bytes: { about: 'bare SHA-256 of 55 bytes, to bytes', run: bareLoop(fastSha256) },
  call: {
    about: 'bare SHA-256 of 55 bytes, to text that nobody reads',
    run: bareLoop((block) => crypto.hash('sha256', block, 'utf16le' as 'binary')),
  },
  verify: { about: 'verify one step', run: verifyLoop },
  check: { about: 'all checks on a tick', run: checkLoop },
} as const
type LoopName = keyof typeof loops

function nanosecondsOf(run: Loop, words: Words, seconds: number): number {
  const startMs = performance.now()
  let passes = 0
  do {
    run(words)
    passes += 1
  } while (performance.now() - startMs < seconds * 1_000)
  return ((performance.now() - startMs) * 1e6) / (passes * LENGTH)
}

/** SHA-256 blocks for each next word of an epoch, building the chain included. */
function blocksPerWord(): number {
  let blocks = 0
  const restore = onEachBlock(() => {
    blocks += 1
  })
  try {
    const secret = new Uint8Array(randomBytes(32))
    // The bind and the last word come once an epoch from its terms; they are no steps.
    bindOf(terms)
    lastWord(secret, terms)
    blocks = -blocks
    const chain = buildChain(secret, terms)
    for (let index = 0; index <= LENGTH; index++) chain.wordAt(index)
  } finally {
    restore()
  }
  return blocks / LENGTH
}

type Compression = { process: (view: DataView, offset: number) => void }

/** Watches the compression function of the SHA-256 that chains are built with. */
function onEachBlock(run: () => void): () => void {
  let owner = Object.getPrototypeOf(sha256.create()) as Compression
  while (!Object.hasOwn(owner, 'process')) owner = Object.getPrototypeOf(owner) as Compression
  const original = owner.process
  owner.process = function process(view, offset) {
    run()
    original.call(this, view, offset)
  }
  return () => {
    owner.process = original
  }
}

function traversalNanoseconds(): number {
  const startMs = performance.now()
  const chain = buildChain(new Uint8Array(randomBytes(32)), terms)
  for (let index = 0; index <= LENGTH; index++) chain.wordAt(index)
  return ((performance.now() - startMs) * 1e6) / LENGTH
}

export const chain: Case = {
  name: 'chain',
  about: "one step of the hash chain, beside bare SHA-256; the payer's way along it",
  run: async ({ rounds, seconds, onProgress }) => {
    const words = allWords()
    const names = Object.keys(loops) as LoopName[]
    const times: Record<LoopName, number[]> = { bytes: [], call: [], verify: [], check: [] }
    const traversal: number[] = []
    for (const name of names) nanosecondsOf(loops[name].run, words, seconds / 4)
    for (let round = 0; round < rounds; round++) {
      for (const name of names) times[name].push(nanosecondsOf(loops[name].run, words, seconds / 4))
      traversal.push(traversalNanoseconds())
      onProgress(`chain: ${names.map((name) => figure(times[name].at(-1) ?? 0)).join(', ')} ns`)
    }
    const ofBytes = ratioSpread(times.bytes, times.verify)
    const ofCall = ratioSpread(times.call, times.verify)
    const blocks = blocksPerWord()
    const spreads = { ...mapped(times), traversal: spread(traversal) }
    return {
      targets: [
        atLeast('verify step, share of the bare loop to bytes', 0.85, ofBytes.median),
        atLeast('verify step, share of the bare loop to text', 0.85, ofCall.median),
        atMost('hashes for the next word, building included', 2, blocks),
      ],
      limits: {},
      tables: [tableOf(spreads, blocks)],
      charts: [chartOf(spreads)],
      notes: [
        `One thread, chains of ${LENGTH} words. The gateway hashes with OpenSSL, the payer's ` +
          'chain with the reference implementation.',
        'Node answers a hash as bytes or as text, and bytes take twice as long as the hash. The ' +
          'gateway takes text. Its comparison with the held word, character by character, is ' +
          'what a verified step takes beyond the same call whose answer nobody reads.',
      ],
      figures: { nanoseconds: spreads, verifyShare: { ofBytes, ofCall }, blocksPerWord: blocks },
    }
  },
}

type Spreads = Readonly<Record<LoopName | 'traversal', Spread>>

function mapped(times: Readonly<Record<LoopName, readonly number[]>>) {
  const { bytes, call, verify, check } = times
  return {
    bytes: spread(bytes),
    call: spread(call),
    verify: spread(verify),
    check: spread(check),
  }
}

const traversalAbout = "next word of the payer's chain"

function tableOf(spreads: Spreads, blocks: number): Table {
  const row = (about: string, time: Spread, hashes: number) => [
    about,
    spreadText(time),
    figure(1e9 / time.median),
    figure(hashes),
  ]
  const names = Object.keys(loops) as LoopName[]
  return {
    title: 'Steps of a chain',
    columns: ['what', 'ns', 'a second', 'hashes'],
    rows: [
      ...names.map((name) => row(loops[name].about, spreads[name], 1)),
      row(traversalAbout, spreads.traversal, blocks),
    ],
  }
}

function chartOf(spreads: Spreads): Chart {
  const bar = (label: string, { median, min, max }: Spread, isOwn: boolean) => {
    return { label, value: median, low: min, high: max, isOwn }
  }
  const { bytes, call, verify, check, traversal } = spreads
  const bars = [
    bar(loops.bytes.about, bytes, false),
    bar(loops.call.about, call, false),
    bar(loops.verify.about, verify, true),
    bar(loops.check.about, check, true),
    bar(traversalAbout, traversal, true),
  ]
  return { kind: 'bars', name: 'chain', unit: 'ns', groups: [{ title: 'Time a step', bars }] }
}
