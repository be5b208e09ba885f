/**
 * The gateway's logic, put together on its ports. Real sockets, disks and databases come from
 * `gateway/io/`, virtual ones from tests.
 * @module
 */
import type { Ledger } from '../ledger/ledger.ts'
import type { Cancel, Disk, KeyValue, Ports } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { createAckEncoder } from '../protocol/ackBytes.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import type { Sha256, StepHash } from '../protocol/chain.ts'
import { stepHashOf } from '../protocol/chain.ts'
import { clientIdOf } from '../protocol/connect.ts'
import { type PrivateKey, publicKeyOf, type Verify } from '../protocol/keys.ts'
import type { BrokerHandlers } from './broker/broker.ts'
import type { Derive } from './broker/credentials.ts'
import { createCommitWatch } from './commitWatch.ts'
import type { GatewayConfig } from './config.ts'
import { createCredentialDesk } from './control/credentialDesk.ts'
import type { LedgerDesk } from './control/ledgerDesk.ts'
import type { VerbCall } from './control/verb.ts'
import { createVerbs } from './control/verbs.ts'
import type { ClientLink, Core, Counters, DeviceName } from './core.ts'
import { claimVerbsOf } from './enrol/claimDesk.ts'
import { createClaimLogin, isClaimLogin } from './enrol/claimLogin.ts'
import { takeEnrol } from './enrol/requests.ts'
import { noteForeignRequest, takeFleetRequest } from './fleetRequests.ts'
import { watchedLogin } from './fraud/loginWatch.ts'
import { countedTrace, createSigns, noWatch } from './fraud/signs.ts'
import { withFraudVerbs } from './fraud/verbs.ts'
import { startFraudWatch } from './fraud/watch.ts'
import { retellLengths } from './intake/answers.ts'
import { sendTime } from './intake/hello.ts'
import { takeDeviceMessage } from './intake/intake.ts'
import { createJumpBudget } from './intake/jumpBudget.ts'
import { laneOf } from './intake/lane.ts'
import { openSession } from './intake/session.ts'
import { tellSupply } from './intake/sessionSupply.ts'
import { createMeetsHeldWord } from './intake/ticks.ts'
import { createLogin } from './login.ts'
import { createMarks } from './marks.ts'
import { createPolicies } from './policies/policies.ts'
import { createPublisher } from './publisher.ts'
import { createReceipts, type Receipts } from './receipts/receipts.ts'
import { createRounds } from './rounds.ts'
import { newDoubts } from './settle/doubts.ts'
import { followFunds } from './settle/funds.ts'
import { createLeafProofs } from './settle/leaves.ts'
import type { Settlement } from './settle/settlement.ts'
import { createSettlement, republishStatements } from './settle/settlement.ts'
import type { SettlementSummary } from './settle/submission.ts'
import { openState, writeState } from './state/open.ts'
import { createWriter } from './state/writer.ts'
import type { Seal } from './store/record.ts'
import { createSegmentTimes, retainingJournal } from './store/retention.ts'
import { signTariffs } from './tariffs.ts'
import { createTrace } from './trace.ts'

export type GatewayOptions = {
  readonly ports: Ports
  readonly config: GatewayConfig
  readonly key: PrivateKey
  readonly disk: Disk
  /** Seals the journal of an encrypted store. */
  readonly seal?: Seal | undefined
  /** Cold state. */
  readonly store: KeyValue
  readonly ledger: Ledger
  /** What an operator may do at the ledger; only the embedded one has such a desk. */
  readonly desk: LedgerDesk
  readonly verify: Verify
  readonly sha256: Sha256
  /** Steps of a chain faster than by `sha256`. */
  readonly stepHash?: StepHash
  readonly link: ClientLink
  readonly derive: Derive
  /** Made with the store, so that the journal of another one is refused. */
  readonly storeId: Uint8Array
  /** 16 random bytes, new at every start. */
  readonly life: Uint8Array
  readonly onFatal: (error: unknown) => void
}

export type Gateway = Omit<BrokerHandlers, 'mayAccess'> & {
  readonly core: Core
  /** A verb of the control socket. */
  readonly call: VerbCall
  readonly settle: () => Promise<SettlementSummary>
  /** Writes a snapshot and carries out `act` while no other one is written: for a backup. */
  readonly withSnapshot: <T>(act: () => Promise<T>) => Promise<T>
  /** Resolves when everything taken in so far is durable and acknowledged. */
  readonly quiesce: () => Promise<void>
  /** Tells everybody that the gateway stops; call while clients are still there. */
  readonly retire: () => void
  /** Settles what is due, writes a snapshot and closes the journal. */
  readonly close: () => Promise<void>
}

/** How often supply is looked at where no tick does. */
const SUPPLY_SWEEP_MS = 1_000
/** How soon a device that funds kept short learns that there is more. */
const LENGTH_SWEEP_MS = 5_000
/** Channels; a look takes up to 3 us, so that a million are seen once in 50 s. */
const SUPPLY_BOUNDS = { perTurn: 500, perRound: 20_000 }
/** Channels; a look takes up to 50 us. */
const LENGTH_BOUNDS = { perTurn: 32, perRound: 2_000 }
const SPACE_CHECK_MS = 30_000
/** How much journal a restart may have to replay. */
const SNAPSHOT_PERIOD_MS = 300_000
const DAY_SECONDS = 86_400

/** Recovers the state and starts everything that runs by itself. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const core = await makeCore(options)
  await loadFunds(core)
  core.writer.record({ kind: 'life', life: options.life })
  core.policies.sweep()
  await core.writer.drained()
  const publisher = createPublisher(core)
  const receipts = createReceipts(core, options.config.receiptSeconds ?? 0)
  core.hooks.closed = receipts.begin
  const settlement = createSettlement(core, () => {
    publisher.settled()
    receipts.begin()
  })
  const credentials = createCredentialDesk(core, options.derive)
  const claims = claimVerbsOf(core, options.derive)
  const desk = { ...credentials, verbs: { ...credentials.verbs, ...claims } }
  const verbs = createVerbs(core, options.desk, desk, settlement.run)
  const checkClaim = createClaimLogin(core, options.derive)
  const login = createLogin(core, (username, password) =>
    (isClaimLogin(username) ? checkClaim : credentials.check)(username, password),
  )
  publisher.start()
  republishStatements(core)
  const snapshots = createSnapshots(core, options)
  const fraud = startFraudWatch(core)
  const cancels = [
    ...createSweeps(core),
    core.ports.timers.every(core.config.settlement.periodSeconds * 1_000, settlement.runQuietly),
    core.ports.timers.every(SPACE_CHECK_MS, () => {
      core.journal.checkSpace().catch(options.onFatal)
    }),
    core.ports.timers.every(SNAPSHOT_PERIOD_MS, snapshots.runQuietly),
    publisher.close,
    ...(fraud ? [fraud.stop] : []),
  ]
  if (settlement.isUnfinished()) settlement.runQuietly()
  return {
    core,
    authenticate: watchedLogin(core, login.authenticate),
    ...sessionHandlers(core),
    onMessage: (identity, sessionId, topic, payload, done) => {
      core.counters.messages += 1
      switch (identity.kind) {
        case 'device': {
          const session = core.sessions.get(clientIdOf(identity.fleet, identity.device))
          if (session?.id === sessionId) takeDeviceMessage(core, session, topic, payload)
          core.touch(identity.fleet, identity.device)
          break
        }
        case 'claimant':
          takeEnrol(core, identity, topic, payload)
          break
        case 'stale_clock': {
          const nonce = login.nonceOf(identity)
          if (nonce) sendTime(core, identity, sessionId, nonce)
          break
        }
        default:
          takeFleetRequest(core, verbs, identity, topic, payload)
      }
      core.writer.whenDurable(done)
    },
    call: withFraudVerbs(verbs, core, fraud),
    settle: settlement.run,
    withSnapshot: snapshots.hold,
    quiesce: core.writer.drained,
    retire: publisher.retire,
    close: () => closeGateway(core, cancels, { settlement, snapshots, receipts }),
  }
}

type SessionHandlers = Required<
  Pick<
    BrokerHandlers,
    'onConnected' | 'onDisconnected' | 'onForeign' | 'openLane' | 'whenDurable' | 'batch'
  >
>

function sessionHandlers(core: Core): SessionHandlers {
  return {
    onForeign: (identity, topic) => noteForeignRequest(core, identity, topic),
    onConnected: (identity, sessionId) => {
      if (identity.kind !== 'device') return
      const { fleet, device } = identity
      const identified = core.link.unsigned ? 'by_topic' : 'by_login'
      const session = openSession(sessionId, fleet, device, identified)
      const name = clientIdOf(fleet, device)
      const replaced = core.sessions.get(name)
      if (replaced) replaced.ended = true
      core.sessions.set(name, session)
      core.trace.note(fleet, device, { what: 'connected' })
      core.touch(fleet, device)
    },
    onDisconnected: (identity, sessionId) => {
      if (identity.kind !== 'device') return
      const name = clientIdOf(identity.fleet, identity.device)
      const session = core.sessions.get(name)
      if (session?.id !== sessionId) return
      session.ended = true
      core.sessions.delete(name)
      core.trace.note(identity.fleet, identity.device, { what: 'disconnected' })
      core.touch(identity.fleet, identity.device)
    },
    openLane: (identity, sessionId) => {
      if (identity.kind !== 'device') return undefined
      const session = core.sessions.get(clientIdOf(identity.fleet, identity.device))
      return session?.id === sessionId ? laneOf(core, session) : undefined
    },
    whenDurable: core.writer.whenDurable,
    batch: core.writer.batch,
  }
}

async function makeCore(options: GatewayOptions): Promise<Core> {
  const { ports, config, key, disk, store, ledger, link, verify, sha256, life, onFatal } = options
  const { state, journal } = await openState({
    disk,
    store,
    domain: ledger.domain,
    genesis: sha256(options.storeId),
    sha256,
    seal: options.seal,
  })
  const { clock, timers } = ports
  const commits = createCommitWatch(clock)
  const writer = createWriter({ state, journal, clock, timers, onFatal, watch: commits })
  const touched = new Map<string, DeviceName>()
  const signs = config.fraud ? createSigns() : noWatch
  const funds = followFunds(ledger)
  return {
    ports,
    config,
    key,
    publicKey: publicKeyOf(key),
    verify,
    sha256,
    meetsHeldWord: createMeetsHeldWord(state.hot.columns32, options.stepHash ?? stepHashOf(sha256)),
    encodeAck: createAckEncoder(),
    ledger,
    state,
    journal,
    writer,
    commits,
    link,
    sessions: new Map(),
    touched,
    touch: (fleet, device) => touched.set(clientIdOf(fleet, device), { fleet, device }),
    funds,
    doubts: newDoubts(state),
    leafProofs: createLeafProofs(state),
    marks: createMarks(key, life),
    policies: createPolicies({ state, writer }),
    tariffs: signTariffs(ledger.domain, key, config.tariffs),
    firstUnpaidPosition: positionsAt(options.desk, funds),
    jumps: createJumpBudget(),
    counters: newCounters(),
    trace: config.fraud ? countedTrace(createTrace(clock), signs) : createTrace(clock),
    signs,
    hooks: { closed: () => {} },
    spaceLow: journal.spaceLow,
  }
}

function newCounters(): Counters {
  const counted = { messages: 0, connects: 0, timesSigned: 0 }
  return { refused: new Map(), refusedKinds: new Map(), findings: new Map(), ...counted }
}

/** Looked up once for each allocation: while the gateway runs, nobody else gives positions. */
function positionsAt(desk: LedgerDesk, funds: Core['funds']): Core['firstUnpaidPosition'] {
  const known = new Map<string, number>()
  return (allocation) => {
    const name = bytesToHex(allocation)
    let first = known.get(name) ?? 0
    if (!known.has(name)) {
      for (const { position } of desk.channelsPaid(allocation))
        first = Math.max(first, position + 1)
      first = Math.max(first, funds.state(allocation)?.statementPositions ?? 0)
    }
    known.set(name, first)
    return first
  }
}

/** Claims on a ledger that does not know them would never be paid, and every signature names it. */
async function loadFunds({ funds, state }: Core): Promise<void> {
  for (const { id } of state.allocations) {
    await funds.load(id)
    if (funds.state(id)) continue
    throw new OperatorError(
      'the ledger is not the one that this gateway has accepted payments for: ' +
        'restore both from the same backup',
    )
  }
}

/** Looks at what no tick and no verb brings about, session by session. */
function createSweeps(core: Core) {
  const { timers } = core.ports
  const sessions = () => core.sessions.values()
  const supply = createRounds(timers, SUPPLY_BOUNDS, sessions, (session) => {
    tellSupply(core, session)
    return session.channels.length
  })
  const lengths = createRounds(timers, LENGTH_BOUNDS, sessions, (session) => {
    retellLengths(core, session)
    return session.channels.length
  })
  return [
    timers.every(SUPPLY_SWEEP_MS, () => {
      core.policies.sweep()
      supply.begin()
    }),
    timers.every(LENGTH_SWEEP_MS, lengths.begin),
    supply.stop,
    lengths.stop,
  ]
}

type Snapshots = {
  readonly run: () => Promise<void>
  readonly runQuietly: () => void
  /** Writes one, then carries out `act` before any other is written. */
  readonly hold: <T>(act: () => Promise<T>) => Promise<T>
}

/** One at a time, in order. */
function createSnapshots(core: Core, options: GatewayOptions): Snapshots {
  const { disk, onFatal } = options
  const journal = retainedJournal(core, options)
  let running: Promise<void> = Promise.resolve()
  let previous = 0
  const run = () => {
    running = running.then(async () => {
      previous = await writeState(disk, core.writer, journal, previous, core.sha256)
    })
    return running
  }
  const hold = <T>(act: () => Promise<T>) => {
    const written = run()
    const result = written.then(act)
    running = result.then(
      () => undefined,
      () => written,
    )
    // Whoever asked is told by `result`, and the next snapshot by what it waits for.
    running.catch(() => undefined)
    return result
  }
  return { run, runQuietly: () => void run().catch(onFatal), hold }
}

/** Segments stay for the days that are configured, and until a settlement came after them. */
function retainedJournal(
  { config, journal, state, sha256, writer }: Core,
  options: GatewayOptions,
) {
  const { journalDays = 0 } = config
  if (journalDays === 0) return journal
  const times = createSegmentTimes(options.disk, options.seal, sha256)
  const youngest = () => writer.seconds() - journalDays * DAY_SECONDS
  return retainingJournal(journal, times, () => Math.min(youngest(), state.lastSettlementSeconds))
}

type Parts = {
  readonly settlement: Settlement
  readonly snapshots: Snapshots
  readonly receipts: Receipts
}

async function closeGateway(
  core: Core,
  cancels: readonly Cancel[],
  { settlement, snapshots, receipts }: Parts,
): Promise<void> {
  for (const cancel of cancels) cancel()
  await receipts.stop()
  await core.writer.drained()
  settlement.stop()
  await settlement.last().catch(() => undefined)
  await core.writer.drained()
  await snapshots.run()
  core.funds.close()
  await core.journal.close()
}
