/**
 * A gateway with one paying channel and its embedded ledger on a real folder, without a network:
 * what a settlement does, and the moments at which it may be killed.
 * @module
 */
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Gateway } from '../../gateway/gateway.ts'
import { startGateway } from '../../gateway/gateway.ts'
import { openLmdb } from '../../gateway/store/io/lmdb.ts'
import { startLife } from '../../gateway/store/meta.ts'
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { openEmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import type { Disk, KeyValue } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { signDigest } from '../../protocol/keys.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import { type Committed, commit, tickOf } from '../support/scriptedDevice.ts'
import {
  enrolTestDevice,
  enrolTestFleet,
  gatewayKey,
  signerKey,
  testConfig,
  testKey,
  testTariff,
} from '../support/virtualGateway.ts'
import type { SettleKind } from './settleJob.ts'

export const PRICE = 300n
const LENGTH = 4_000

/** What a test tells a child of the channel that pays. */
export type Terms = { readonly channelId: string; readonly nowSeconds: number }
export type AtStep = (step: string) => Promise<void> | void

const moments = (name: string) => [`before ${name}`, `during ${name}`, `after ${name}`]
/** Every write that is waited for: the journal's, and that of the ledger's books. */
export const siteSteps: Readonly<Record<SettleKind, readonly string[]>> = {
  claims: ['submitted', 'books', 'settled'].flatMap(moments),
  statement: ['stated', 'cosigned', 'books', 'ended'].flatMap(moments),
}
/** What the journal's writes are for, in order. */
const journaled: Readonly<Record<SettleKind, readonly string[]>> = {
  claims: ['submitted', 'settled'],
  statement: ['stated', 'cosigned', 'ended'],
}

export type GatewaySite = {
  readonly gateway: Gateway
  readonly ledger: EmbeddedLedger
  /** Calls `atStep` from now on. */
  readonly arm: (kind: SettleKind, atStep: AtStep) => void
  readonly close: () => Promise<void>
}

export async function openSite(folder: string, kind: SettleKind): Promise<GatewaySite> {
  const ports = nodePorts(() => {})
  let atStep: (what: 'journal' | 'books', act: () => Promise<void>) => Promise<void> = (_, act) =>
    act()
  const disk = watchedDisk(await nodeDisk(folder), (act) => atStep('journal', act))
  const books = openLmdb(join(folder, 'ledger'))
  const store: KeyValue = { ...books, write: (all) => atStep('books', () => books.write(all)) }
  const ledger = await openEmbeddedLedger({
    ...ports,
    ...{ store, place: folder, verify: fastVerify, sha256: fastSha256 },
  })
  const cold = openLmdb(join(folder, 'cold'))
  const times = { periodSeconds: 3_600, minimumAmount: 0n, expiryMarginSeconds: 172_800 }
  const settlement = kind === 'claims' ? times : { ...times, cosignSeconds: 600 }
  const gateway = await startGateway({
    ports,
    config: testConfig({ settlement }),
    ...{ key: gatewayKey, disk, store: cold, ledger, desk: ledger },
    ...{ verify: fastVerify, sha256: fastSha256, ...(await startLife(disk, ports.random)) },
    link: { publish: () => {}, disconnect: () => {}, disconnectReader: () => {} },
    derive: async (password) => fastSha256(password),
    onFatal: (error) => {
      throw error
    },
  })
  return {
    gateway,
    ledger,
    arm: (what, next) => {
      const names = [...journaled[what]]
      atStep = async (place, act) => {
        const name = place === 'books' ? place : present(names.shift(), 'a step that is listed')
        await next(`before ${name}`)
        const done = act()
        await turn()
        await next(`during ${name}`)
        await done
        await next(`after ${name}`)
      }
    },
    close: async () => {
      atStep = (_, act) => act()
      await gateway.close()
      await ledger.close()
      await cold.close()
    },
  }
}

function watchedDisk(disk: Disk, atSync: (act: () => Promise<void>) => Promise<void>): Disk {
  return {
    ...disk,
    openAppend: async (path, length) => {
      const file = await disk.openAppend(path, length)
      return { ...file, sync: () => atSync(() => file.sync()) }
    },
  }
}

const identity = {
  ...{ fleet: 'acme', device: 'ev-1', gateway: 'gw-1', key: testKey('p256', 77) },
  rootSecret: new Uint8Array(32).fill(9),
}

/** Enrols a fleet and a device, and opens its channel. */
export async function setUp({ gateway, ledger }: GatewaySite): Promise<Terms> {
  const ports = nodePorts(() => {})
  const world = { gateway, ledger, ports }
  await enrolTestFleet(world)
  const [id] = await enrolTestDevice(world, identity.device, identity.key)
  const terms = {
    channelId: bytesToHex(present(id, 'a channel')),
    nowSeconds: Math.floor(ports.clock.nowMs() / 1_000),
  }
  const { commitment } = committedBy(ledger, present(id, 'a channel'), terms)
  const { writer } = gateway.core
  writer.record({ kind: 'commitment', channel: 0, commitment, creditTicks: 16 })
  await writer.drained()
  return terms
}

function committedBy(ledger: EmbeddedLedger, channelId: Uint8Array, terms: Terms): Committed {
  const { nowSeconds } = terms
  const start = { channelId, tariff: testTariff(), nowSeconds, length: LENGTH }
  return commit({ ...identity, domain: ledger.domain }, start)
}

/** The device shows its word number `index`. */
export async function pay(site: GatewaySite, terms: Terms, index: number): Promise<void> {
  const { core } = site.gateway
  const { channelId } = core.state.cold.channel(0)
  const { epoch, word } = tickOf(committedBy(site.ledger, channelId, terms), index)
  core.writer.move(0, { epoch, index, bytes: word, at: 0 })
  await core.writer.drained()
}

/** Settles what is owed; the fleet co-signs at once what is stated. */
export async function settleAll({ gateway }: GatewaySite): Promise<void> {
  await gateway.settle()
  for (const { statement } of [...gateway.core.state.statements.underWay.values()]) {
    const { value } = statement
    const digest = digestOf(gateway.core.state.domain, statementStructure, value)
    const signature = bytesToHex(signDigest(signerKey, digest))
    await gateway.call('cosign', { fleet: 'acme', sequence: value.sequence, signature })
  }
}

export type Paid = { readonly payments: number; readonly paid: string; readonly booked: string }

/** What the ledger has paid, in how many payments, and what the gateway's books say of it. */
export async function paidBy({ gateway, ledger }: GatewaySite): Promise<Paid> {
  const [state] = await ledger.allocations()
  const { entries } = ledger.entries({})
  const payments = entries.filter(({ debit, credit }) => {
    return debit.startsWith('allocation:') && credit.startsWith('payee:')
  })
  const booked = gateway.core.state.hot.columns.paid[0] ?? 0n
  return { payments: payments.length, paid: `${state?.paid ?? 0n}`, booked: `${booked}` }
}

/** @throws when it is anything but one payment for each of `jobs` ticks, on both sides */
export async function expectPaid(site: GatewaySite, jobs: number): Promise<void> {
  const found = JSON.stringify(await paidBy(site))
  const amount = `${PRICE * BigInt(jobs)}`
  const wanted = JSON.stringify({ payments: jobs, paid: amount, booked: amount })
  if (found !== wanted) throw new Error(`${found} in place of ${wanted}`)
}
