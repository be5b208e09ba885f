/**
 * A whole gateway as a state machine: stories of good and changed messages. What is changed is
 * signed again by whoever signs such a thing, so that the checks behind the signature are reached.
 * A refusal changes nothing, amounts never fall, nothing throws, and in the end the state is the
 * fold of the journal.
 * @module
 */
import { heldAmount } from '../../../gateway/state/hotChannels.ts'
import { present } from '../../../protocol/assert.ts'
import { concatBytes } from '../../../protocol/bytes.ts'
import { encodeCommit, encodeHello } from '../../../protocol/messages.ts'
import type { Commitment, Mandate } from '../../../protocol/structures.ts'
import type { Tick } from '../../../protocol/tick.ts'
import { encodeTicks } from '../../../protocol/tick.ts'
import type { UpName } from '../../../protocol/topics.ts'
import { upNames } from '../../../protocol/topics.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { checkpointOf, openScene, putMandate, renewalOf } from '../../support/gatewayScene.ts'
import { describeChannel, recoveredText, stateOf } from '../../support/gatewayState.ts'
import { messageKinds } from '../../support/messageSamples.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { commit, sign, tickOf } from '../../support/scriptedDevice.ts'
import { testKey, testTariff } from '../../support/virtualGateway.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

const OPS_MAX = 24
/** Longer chains cost more than they find; a commitment that is longer gets a root of chance. */
const CHAIN_TICKS_MAX = 300
const EPOCH_MAX = 0xffff_ffff

/** How often each answer was seen: whether the stories reach deep enough is tested too. */
export const reached = new Map<string, number>()

function note(what: string): void {
  reached.set(what, (reached.get(what) ?? 0) + 1)
}

/** What a device knows of one of its channels. */
type Line = { committed: Committed; words: number; index: number; epochs: number }

type Story = {
  readonly scene: Scene
  readonly dice: Dice
  readonly devices: readonly SceneDevice[]
  readonly lines: Map<string, Line>
  sequence: number
}

async function begin(dice: Dice): Promise<Story> {
  const scene = await openScene(undefined, { funds: 3_000_000n })
  const mandate = { limit: 2_000_000n, limitPerDay: 1_000_000n }
  const devices = [
    await scene.device('ev-1', { key: testKey('p256', 21), units: ['Wh', 'Wh'], mandate }),
    await scene.device('ev-2', { key: testKey('ed25519', 22), mandate }),
  ]
  const story: Story = { scene, dice, devices, lines: new Map(), sequence: 1 }
  for (const [who, device] of devices.entries()) {
    for (const slot of device.channelIds.keys()) {
      const committed = device.commitment({ length: 60 }, slot)
      await device.sendCommitment(committed.commitment, slot)
      story.lines.set(`${who}/${slot}`, { committed, words: 60, index: 0, epochs: 1 })
    }
  }
  return story
}

type Actor = { readonly device: SceneDevice; readonly slot: number; readonly line: Line }

function actorOf({ dice, devices, lines }: Story): Actor {
  const who = dice.below(devices.length)
  const device = present(devices[who], 'a device')
  const slot = dice.below(device.channelIds.length)
  return { device, slot, line: present(lines.get(`${who}/${slot}`), 'a line') }
}

const edgeAmounts = [0n, 1n, 299n, 300n, 301n, 3_000n, 999_999n, (1n << 63n) - 1n, (1n << 64n) - 1n]

/** One or two fields that are not what they should be; nothing in one of three. */
function changedCommitment(story: Story, actor: Actor, value: Commitment): Commitment {
  const { dice, scene } = story
  let changed = value
  for (let left = dice.below(3); left > 0; left--) {
    changed = { ...changed, ...commitmentChange(dice, scene.nowSeconds(), actor, changed) }
  }
  return changed
}

function commitmentChange(
  dice: Dice,
  now: number,
  { device, line }: Actor,
  value: Commitment,
): Partial<Commitment> {
  const near = (amount: bigint) => {
    const other = amount + dice.pick([1n, -1n, 300n, -300n, 10n, -10n])
    return BigInt.asUintN(64, other)
  }
  switch (dice.below(12)) {
    case 0:
      return { kind: dice.below(4) }
    case 1:
      return { channelId: dice.pick([...device.channelIds, dice.bytes(32)]) }
    case 2:
      return {
        epoch: dice.pick([0, 1, line.epochs, Math.min(value.epoch + 5, EPOCH_MAX), EPOCH_MAX]),
      }
    case 3:
      return { base: dice.oneIn(2) ? dice.pick(edgeAmounts) : near(value.base) }
    case 4:
      return { root: dice.bytes(32) }
    case 5:
      return { length: dice.pick([0, 1, 2, 100, 300, 4_000, 65_536, 65_537, 0xffff_ffff]) }
    case 6:
      return { unitsPerTick: dice.pick([0n, 1n, 9n, 11n, (1n << 64n) - 1n]) }
    case 7:
      return { pricePerTick: dice.pick(edgeAmounts) }
    case 8:
      return { startReading: dice.oneIn(2) ? dice.pick(edgeAmounts) : near(value.startReading) }
    case 9:
      return { tariffHash: dice.bytes(32) }
    case 10:
      return { issuedAt: dice.pick([0, now - 86_400, now + 86_400]) }
    default:
      return { expiry: dice.pick([0, now - 1, now, now + 1, now + 90_000, 4_000_000_001]) }
  }
}

async function sendCommitment(story: Story, actor: Actor): Promise<void> {
  const { dice, scene } = story
  const { device, slot, line } = actor
  const epoch = Math.min(line.epochs + 1, EPOCH_MAX)
  const next = dice.oneIn(2)
    ? renewalOf(line.committed, { epoch })
    : checkpointOf(line.committed, line.index + dice.below(5), epoch)
  const start = {
    ...next,
    base: BigInt.asUintN(64, next.base),
    startReading: BigInt.asUintN(64, next.startReading),
  }
  const channelId = present(device.channelIds[slot], 'a channel')
  const shared = { channelId, tariff: testTariff(), nowSeconds: scene.nowSeconds() }
  const proper = commit(device.identity, { ...shared, length: 1 + dice.below(90), ...start })
  const value = changedCommitment(story, actor, proper.commitment.value)
  const signer = dice.oneIn(8) ? dice.pick(story.devices) : device
  const isBuildable = value.length >= 1 && value.length <= CHAIN_TICKS_MAX
  const hasChain = isBuildable && value.root === proper.commitment.value.root
  const committed = hasChain
    ? commit(signer.identity, { ...shared, ...withoutRoot(value) })
    : { ...proper, commitment: sign(signer.identity, value) }
  const words = hasChain ? value.length : proper.commitment.value.length
  const before = device.client.received.accepts.length
  const sentTo = dice.oneIn(10) ? dice.below(64) : slot
  const bytes = encodeCommit({ slot: sentTo, commitment: committed.commitment })
  await send(story, device, dice.pick(['open', 'commit']), bytes)
  if (device.client.received.accepts.length === before) return
  note('commitment accepted')
  if (sentTo !== slot || value.epoch <= line.epochs) return
  Object.assign(line, { committed, words, index: 0, epochs: value.epoch })
}

function withoutRoot({ root: _, ...terms }: Commitment): Omit<Commitment, 'root'> {
  return terms
}

async function sendTicks(story: Story, actor: Actor): Promise<void> {
  const { dice } = story
  const { device, slot, line } = actor
  const ticks = Array.from({ length: 1 + dice.below(3) }, () => {
    const near = dice.oneIn(6) ? dice.below(line.words + 1) : line.index + dice.below(9)
    const index = Math.min(line.words, near)
    line.index = Math.max(line.index, index)
    return changedTick(dice, tickOf(line.committed, index, slot))
  })
  const bytes = encodeTicks(ticks)
  await send(story, device, 'tick', dice.oneIn(12) ? damaged(dice, bytes) : bytes)
}

function changedTick(dice: Dice, tick: Tick): Tick {
  switch (dice.below(12)) {
    case 0:
      return { ...tick, slot: dice.below(256) }
    case 1:
      return { ...tick, epoch: dice.pick([0, Math.min(tick.epoch + 1, EPOCH_MAX), EPOCH_MAX]) }
    case 2:
      return { ...tick, index: dice.pick([0, tick.index + 1, 2_000, 65_536, 0xffff_ffff]) }
    case 3:
      return { ...tick, word: tick.word.map((byte) => byte ^ 1) }
    default:
      return tick
  }
}

async function sendAnything(story: Story, { device, slot }: Actor): Promise<void> {
  const { dice } = story
  const name = dice.pick(upNames)
  const kinds = messageKinds.filter(({ topics }) => topics.includes(`up/${name}`))
  const sample = dice.pick(dice.pick(kinds.length > 0 ? kinds : messageKinds).samples)
  const own = concatBytes(Uint8Array.of(0x82, 1, slot))
  const bytes = dice.oneIn(3) ? own : sample.bytes
  await send(story, device, name, dice.oneIn(3) ? bytes : damaged(dice, bytes))
}

async function sayHello(story: Story, { device }: Actor): Promise<void> {
  const { dice } = story
  const seen = dice.pick(story.devices).client.received.welcomes.at(-1)?.mark
  const changed = seen && {
    life: dice.oneIn(4) ? dice.bytes(16) : seen.life,
    position: dice.pick([seen.position, seen.position + 1, 0, Number.MAX_SAFE_INTEGER]),
    seal: dice.oneIn(3) ? dice.bytes(16) : seen.seal,
  }
  await send(story, device, 'hello', encodeHello({ mark: changed, meters: [] }))
}

async function giveMandate(story: Story, { device, slot }: Actor): Promise<void> {
  const { dice, scene } = story
  const now = scene.nowSeconds()
  const change: Partial<Mandate> = {
    sequence: dice.oneIn(4) ? dice.below(4) : ++story.sequence,
    limit: dice.oneIn(3) ? dice.pick(edgeAmounts) : BigInt(dice.below(3_000_000)),
    ...(dice.oneIn(4) ? { notBefore: dice.pick([0, now + 10, 4_000_000_000]) } : {}),
    ...(dice.oneIn(4) ? { expiry: dice.pick([0, now - 1, now + 1, now + 86_400]) } : {}),
    ...(dice.oneIn(4) ? { claimUntil: dice.pick([0, now, 4_000_000_000]) } : {}),
  }
  const channelId = present(device.channelIds[slot], 'a channel')
  await putMandate(scene, channelId, change).then(
    () => note('mandate taken'),
    () => note('mandate refused'),
  )
}

async function send(story: Story, device: SceneDevice, name: UpName, bytes: Uint8Array) {
  if (device.client.received.closed) {
    note('disconnected')
    await device.reconnect()
  }
  const { received } = device.client
  const before = snapshotOf(story)
  const counts = [received.accepts.length, received.acks.length, received.rejects.length] as const
  device.client.send(name, bytes).catch(() => {})
  await story.scene.round()
  const [accepts, acks, rejects] = counts
  for (const reject of received.rejects.slice(rejects)) note(`${reject.refused} ${reject.reason}`)
  if (received.acks.length > acks) note('acknowledged')
  const isRefused = received.accepts.length === accepts && received.acks.length === acks
  // An ended channel is not answered; hello and readings may change what is asked, never what is.
  if (!isRefused || name === 'close' || name === 'hello') return
  if (snapshotOf(story) !== before) throw new Error(`a refused ${name} changed the state`)
}

function snapshotOf({ scene }: Story): string {
  const { state } = scene.world.gateway.core
  const channels = Array.from({ length: state.hot.count() }, (_, at) => describeChannel(state, at))
  return channels.join('\n')
}

async function pass(story: Story): Promise<void> {
  const { dice, scene } = story
  const { time } = scene.world
  if (dice.oneIn(4)) time.jumpWall(dice.pick([3_600_000, 86_400_000, 9 * 86_400_000, -60_000]))
  await time.advance(dice.pick([1_000, 5_000, 30_000, 120_000]))
}

async function step(story: Story): Promise<void> {
  const actor = actorOf(story)
  const kind = story.dice.below(16)
  if (kind < 6) return sendTicks(story, actor)
  if (kind < 10) return sendCommitment(story, actor)
  if (kind < 12) return sendAnything(story, actor)
  if (kind === 12) return sayHello(story, actor)
  if (kind === 13) return giveMandate(story, actor)
  if (kind === 14) return pass(story)
  return actor.device.reconnect()
}

/** What must hold after every step; `held` is what was held before it. */
function invariants({ scene }: Story, held: bigint[]): string | undefined {
  const { world } = scene
  const { state, funds } = world.gateway.core
  for (let channel = 0; channel < state.hot.count(); channel++) {
    const amount = heldAmount(state.hot, channel)
    if (amount < (held[channel] ?? 0n)) return `channel ${channel} fell to ${amount}`
    held[channel] = amount
  }
  for (const { id, reserved } of state.allocations) {
    if (reserved > funds.available(id)) return `${reserved} reserved of ${funds.available(id)}`
  }
  if (world.fatal.length > 0) return `fatal: ${String(world.fatal[0])}`
  return world.logs.find((line) => line.startsWith('error'))
}

async function check(input: Uint8Array): Promise<string | undefined> {
  const dice = diceOf(input)
  const story = await begin(dice)
  const held: bigint[] = []
  for (let ops = 0; ops < OPS_MAX && !dice.isOver(); ops++) {
    await step(story)
    const wrong = invariants(story, held)
    if (wrong !== undefined) return wrong
  }
  const { world } = story.scene
  await story.scene.round()
  if ((await recoveredText(world, 'journal alone')) !== stateOf(world)) {
    return 'the state is not the fold of the journal'
  }
  return world.ledger.audit().map(String)[0]
}

const generate = (dice: Dice) => dice.bytes(60 + dice.below(240))

export const intakeTarget: Target = { name: 'intake', quickRuns: 6, generate, check }
