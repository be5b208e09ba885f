/**
 * What a tick costs on both sides when nothing but the hash chain is looked at.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { sha256 } from '@noble/hashes/sha2.js'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Terms } from '../../protocol/chain.ts'
import { bindOf, buildChain, lastWord, leadsTo, STEP_BYTES } from '../../protocol/chain.ts'
import { checkTick, type Register } from '../../protocol/channel.ts'
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
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

/** Every word of a chain, w_0 first. */
function allWords(): readonly Uint8Array[] {
  const chain = buildChain(new Uint8Array(randomBytes(32)), terms)
  return Array.from({ length: LENGTH + 1 }, (_, index) => chain.wordAt(index))
}

type Loop = (words: readonly Uint8Array[]) => void

/** The least that any verifier must do. */
const bareLoop: Loop = (words) => {
  const block = new Uint8Array(STEP_BYTES)
  for (let index = 1; index <= LENGTH; index++) {
    block.set(words[index] ?? block, STEP_BYTES - 32)
    fastSha256(block)
  }
}

const verifyLoop: Loop = (words) => {
  const bind = bindOf(terms)
  for (let index = 1; index <= LENGTH; index++) {
    const word = words[index] ?? bind
    const held = words[index - 1] ?? bind
    if (!leadsTo(bind, word, index, held, index - 1, fastSha256)) throw new Error('a word is bad')
  }
}

/** All checks on a tick of a channel, cheapest first, as the gateway does them. */
const checkLoop: Loop = (words) => {
  const register: { -readonly [Name in keyof Register]: Register[Name] } = {
    epoch: 1,
    index: 0,
    length: LENGTH,
    word: words[0] ?? new Uint8Array(),
    bind: bindOf(terms),
    pendingEpoch: 0,
    pendingLength: 0,
    pendingRoot: new Uint8Array(32),
    pendingBind: new Uint8Array(16),
    claimUntilSeconds: 10,
    closed: false,
  }
  for (let index = 1; index <= LENGTH; index++) {
    const word = words[index] ?? register.word
    const verdict = checkTick(register, { slot: 0, epoch: 1, index, word }, 1, 1_024, fastSha256)
    if (verdict !== 'accepted') throw new Error(`a word is ${verdict}`)
    register.index = index
    register.word = word
  }
}

const loops = {
  bare: { about: 'bare SHA-256 of 55 bytes', run: bareLoop },
  verify: { about: 'verify one step', run: verifyLoop },
  check: { about: 'all checks on a tick', run: checkLoop },
} as const
type LoopName = keyof typeof loops

function nanosecondsOf(run: Loop, words: readonly Uint8Array[], seconds: number): number {
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
    const times: Record<LoopName, number[]> = { bare: [], verify: [], check: [] }
    const traversal: number[] = []
    for (const name of names) nanosecondsOf(loops[name].run, words, seconds / 4)
    for (let round = 0; round < rounds; round++) {
      for (const name of names) times[name].push(nanosecondsOf(loops[name].run, words, seconds / 4))
      traversal.push(traversalNanoseconds())
      onProgress(`chain: ${names.map((name) => figure(times[name].at(-1) ?? 0)).join(', ')} ns`)
    }
    const share = ratioSpread(times.bare, times.verify)
    const blocks = blocksPerWord()
    const spreads = { ...mapped(times), traversal: spread(traversal) }
    return {
      targets: [
        atLeast('verify step, share of the bare loop', 0.85, share.median),
        atMost('hashes for the next word, building included', 2, blocks),
      ],
      limits: {},
      tables: [tableOf(spreads, blocks)],
      charts: [chartOf(spreads)],
      notes: [
        `One thread, chains of ${LENGTH} words. The gateway hashes with OpenSSL, the payer's ` +
          'chain with the reference implementation.',
      ],
      figures: { nanoseconds: spreads, verifyShare: share, blocksPerWord: blocks },
    }
  },
}

type Spreads = Readonly<Record<LoopName | 'traversal', Spread>>

function mapped(times: Readonly<Record<LoopName, readonly number[]>>) {
  return { bare: spread(times.bare), verify: spread(times.verify), check: spread(times.check) }
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
  const { bare, verify, check, traversal } = spreads
  const bars = [
    bar(loops.bare.about, bare, false),
    bar(loops.verify.about, verify, true),
    bar(loops.check.about, check, true),
    bar(traversalAbout, traversal, true),
  ]
  return { kind: 'bars', name: 'chain', unit: 'ns', groups: [{ title: 'Time a step', bars }] }
}
