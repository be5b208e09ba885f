/**
 * The ledger of both gateways: the product's own, on a store of its own. Gateways reach it as if it
 * were far away: it may be down, and a question or an answer may get lost.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { LedgerDesk } from '../../gateway/control/ledgerDesk.ts'
import { type EmbeddedLedger, openEmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type {
  Claim,
  ClaimResult,
  Ledger,
  LedgerEvent,
  StatementResult,
  StatementSubmission,
} from '../../ledger/ledger.ts'
import type { Ports } from '../../ports/index.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { seededRandom } from '../support/virtualGateway.ts'
import { unproven } from './claimOracle.ts'
import { verifyDigest } from './fastKeys.ts'
import { endLife, type Life, mortalPorts, newLife, type SkewedClock, skewedClock } from './life.ts'
import { type OracleWorld, type StatementOracle, statementOracle } from './statementOracle.ts'
import { type Slowness, simStore } from './stores.ts'

export type LedgerActor = {
  readonly clock: SkewedClock
  readonly running: () => EmbeddedLedger
  /** The ledger as one run of a gateway reaches it. */
  readonly viewOf: (life: Life) => { readonly ledger: Ledger; readonly desk: LedgerDesk }
  /** Power cut and start; resolves when it is back. */
  readonly restart: () => Promise<void>
  /** Share of submissions that fail: half of them before, half after they were carried out. */
  lossShare: number
  /** Cumulative amounts that the ledger has answered, by channel id in hex. */
  readonly answered: ReadonlyMap<string, bigint>
  readonly statements: StatementOracle
  /** Told of withdrawals that are over before their notice is. */
  onEarly: (detail: string) => void
}

type State = {
  readonly slow: Slowness
  readonly ports: Ports
  readonly clock: SkewedClock
  readonly store: ReturnType<typeof simStore>
  readonly answered: Map<string, bigint>
  /** Cumulative amounts whose evidence was looked at, by channel id in hex. */
  readonly judged: Map<string, bigint>
  /** Those who wait for an answer of the present run. */
  readonly waiting: Set<(error: Error) => void>
  readonly followers: Set<(event: LedgerEvent) => void>
  readonly onUnproven: (detail: string) => void
  readonly statements: StatementOracle
  /** When each withdrawal was asked for, in seconds of the ledger's clock, by its reference. */
  readonly asked: Map<string, number>
  onEarly: (detail: string) => void
  life: Life
  ledger: EmbeddedLedger
  lossShare: number
}

/** `onUnproven` is told of every payment for which there was no evidence or no statement. */
export async function startLedger(
  ports: Ports,
  slow: Slowness,
  onUnproven: (detail: string) => void,
  leavesOf: OracleWorld['leavesOf'],
): Promise<LedgerActor> {
  const clock = skewedClock(ports.clock)
  const store = simStore(slow)
  const life = newLife()
  const ledger = await openIn(life, { ports, clock, store })
  const state: State = {
    slow,
    ports,
    clock,
    store,
    answered: new Map(),
    judged: new Map(),
    waiting: new Set(),
    followers: new Set(),
    onUnproven,
    life,
    ledger,
    lossShare: 0,
    statements: statementOracle({ domain: ledger.domain, leavesOf, onUnproven }),
    asked: new Map(),
    onEarly: () => undefined,
  }
  follow(state)
  const actor: LedgerActor = {
    clock,
    running: () => state.ledger,
    viewOf: (gateway) => ({ ledger: viewOf(state, gateway), desk: deskOf(state) }),
    restart: () => restart(state),
    get lossShare() {
      return state.lossShare
    },
    set lossShare(share) {
      state.lossShare = share
    },
    answered: state.answered,
    statements: state.statements,
    get onEarly() {
      return state.onEarly
    },
    set onEarly(told) {
      state.onEarly = told
    },
  }
  return actor
}

function openIn(
  life: Life,
  { ports, clock, store }: Pick<State, 'ports' | 'clock' | 'store'>,
): Promise<EmbeddedLedger> {
  return openEmbeddedLedger({
    ...mortalPorts(ports, life, clock),
    // The same ledger in every run, so that signatures are computed once.
    random: seededRandom(7),
    store: store.openFor(life),
    place: 'the simulated ledger',
    verify: verifyDigest,
    sha256: fastSha256,
  })
}

function follow(state: State): void {
  const cancel = state.ledger.follow((event) => {
    state.statements.became(event.allocation, secondsOf(state))
    for (const follower of state.followers) follower(event)
  })
  state.life.atEnd.push(cancel)
}

async function restart(state: State): Promise<void> {
  endLife(state.life)
  for (const reject of state.waiting) reject(new Error('the ledger is away'))
  state.waiting.clear()
  await state.store.crash()
  state.life = newLife()
  state.ledger = await openIn(state.life, state)
  follow(state)
  // Whoever follows a ledger that comes back asks for what it missed.
  for (const allocation of await state.ledger.allocations()) {
    state.statements.became(allocation, secondsOf(state))
    for (const follower of state.followers) follower({ kind: 'funded', allocation })
  }
}

/** Rejects when the ledger goes away before it has answered. */
function ask<T>(state: State, question: () => Promise<T>): Promise<T> {
  if (state.life.isOver) return Promise.reject(new Error('the ledger is away'))
  return new Promise((resolve, reject) => {
    state.waiting.add(reject)
    const forget = () => state.waiting.delete(reject)
    question().then(
      (answer) => {
        if (forget()) resolve(answer)
      },
      (error: unknown) => {
        if (forget()) reject(error)
      },
    )
  })
}

function viewOf(state: State, gateway: Life): Ledger {
  return {
    domain: state.ledger.domain,
    maxTail: state.ledger.maxTail,
    allocation: (id) => ask(state, () => state.ledger.allocation(id)),
    submit: (claims, key) => submit(state, claims, key, state.slow.dice),
    submitStatement: (one, key) => submitStatement(state, one, key),
    follow: (onEvent) => {
      const guarded = (event: LedgerEvent) => {
        if (!gateway.isOver) onEvent(event)
      }
      state.followers.add(guarded)
      const cancel = () => void state.followers.delete(guarded)
      gateway.atEnd.push(cancel)
      return cancel
    },
  }
}

async function submit(
  state: State,
  claims: readonly Claim[],
  key: string,
  dice: Dice,
): Promise<readonly ClaimResult[]> {
  const isLost = dice.chance(state.lossShare)
  if (isLost && dice.chance(0.5)) throw new Error('the ledger cannot be reached')
  const began = secondsOf(state)
  const results = await ask(state, () => state.ledger.submit(claims, key))
  for (const [place, result] of results.entries()) judge(state, claims[place], result, began)
  for (const { channelId, cumulative } of results) {
    const id = bytesToHex(channelId)
    if (cumulative > (state.answered.get(id) ?? 0n)) state.answered.set(id, cumulative)
  }
  if (isLost) throw new Error('the answer of the ledger got lost')
  return results
}

async function submitStatement(
  state: State,
  submission: StatementSubmission,
  key: string,
): Promise<StatementResult> {
  const isLost = state.slow.dice.chance(state.lossShare)
  if (isLost && state.slow.dice.chance(0.5)) throw new Error('the ledger cannot be reached')
  state.statements.handedIn(submission, secondsOf(state))
  const result = await ask(state, () => state.ledger.submitStatement(submission, key))
  if (isLost) throw new Error('the answer of the ledger got lost')
  return result
}

function secondsOf({ clock }: State): number {
  return Math.floor(clock.nowMs() / 1_000)
}

/** The clock may have moved while the ledger worked: it counts as proved at either time. */
function judge(
  state: State,
  claim: Claim | undefined,
  result: ClaimResult,
  beganSeconds: number,
): void {
  const id = bytesToHex(result.channelId)
  // Under a known key an answer is given again, and nothing is paid again.
  if (!claim || result.cumulative <= (state.judged.get(id) ?? 0n)) return
  state.judged.set(id, result.cumulative)
  const { domain } = state.ledger
  const reason = unproven(domain, claim, result, secondsOf(state))
  if (reason === undefined) return
  if (unproven(domain, claim, result, beganSeconds) === undefined) return
  state.onUnproven(`${id}: paid although ${reason}`)
}

/** The longest mandate and its claim window are over before money leaves. */
const noticeSeconds = 8 * 86_400

function watchWithdrawal(state: State, reference: string): void {
  const waited = secondsOf(state) - (state.asked.get(reference) ?? 0)
  if (waited < noticeSeconds) state.onEarly(`${reference} is over after ${waited} seconds`)
}

function deskOf(state: State): LedgerDesk {
  return {
    openAllocation: (wanted) => ask(state, () => state.ledger.openAllocation(wanted)),
    allocations: () => ask(state, () => state.ledger.allocations()),
    fund: (id, amount, reference) => ask(state, () => state.ledger.fund(id, amount, reference)),
    requestWithdrawal: (id, amount, reference) => {
      if (!state.asked.has(reference)) state.asked.set(reference, secondsOf(state))
      return ask(state, () => state.ledger.requestWithdrawal(id, amount, reference))
    },
    completeWithdrawal: async (id, reference) => {
      const paid = await ask(state, () => state.ledger.completeWithdrawal(id, reference))
      watchWithdrawal(state, reference)
      return paid
    },
    balance: (account) => state.ledger.balance(account),
    entries: (query) => state.ledger.entries(query),
    sum: () => state.ledger.sum(),
    channelsPaid: (id) => state.ledger.channelsPaid(id),
  }
}
