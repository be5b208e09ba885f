/**
 * What operators and fleets ask: verbs of the control socket and JSON on the topics of a fleet,
 * with arguments of every kind. An answer or one line of error; never an exception of another kind,
 * a change to another fleet, or a state that is not the fold of the journal.
 * @module
 */
import { takeFleetRequest } from '../../../gateway/fleetRequests.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { Identity } from '../../../protocol/access.ts'
import { bytesToHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { describeChannel, recoveredText, stateOf } from '../../support/gatewayState.ts'
import { signedMandate, signerKey, testKey } from '../../support/virtualGateway.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

const OPS_MAX = 20

const keyText = formatPublicKey(publicKeyOf(testKey('p256', 3)))
const signerText = formatPublicKey(publicKeyOf(signerKey))

/** Proper arguments of every verb. */
const proper: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  status: {},
  channels: { fleet: 'acme' },
  enrol_fleet: { fleet: 'third', signerKey: signerText, mandateSeconds: 86_400 },
  enrol_device: {
    fleet: 'acme',
    device: 'ev-9',
    publicKey: keyText,
    meters: [{ meter: 'main', unit: 'Wh' }],
  },
  device_replace: { fleet: 'acme', device: 'ev-1', publicKey: keyText },
  device_revoke: { fleet: 'acme', device: 'ev-1' },
  mandate_put: { mandates: [] },
  channel_close: { fleet: 'acme', device: 'ev-1', meter: 'meter-0' },
  settle: {},
  pause: { fleet: 'acme', device: 'ev-1' },
  resume: { fleet: 'acme', device: 'ev-1' },
  export_claims: { from: 0 },
  submit_claims: { claims: [] },
  ledger_fund: { fleet: 'acme', amount: '1000' },
  ledger_withdraw: { fleet: 'acme', amount: '1000' },
  ledger_complete_withdrawal: { fleet: 'acme', reference: 'w-1' },
  ledger_allocations: {},
  ledger_balance: {},
  ledger_entries: {},
  credential_add: { fleet: 'acme', name: 'desk', rights: ['read'] },
  credential_list: {},
  credential_remove: { fleet: 'acme', name: 'desk' },
  list: {},
  get: { device: 'ev-1' },
  mandate: { mandates: [] },
}

const odd: readonly unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e21, 2 ** 53, '', 'acme', 'rival', 'ev-1', 'EV-1'],
  ...['0', '-1', '1e3', '18446744073709551615', '18446744073709551616', '+', '#', '__proto__'],
  ...[[], {}, [[]], ['read', 'supply', 'read'], { meter: 'x', unit: 'Wh' }, 'x'.repeat(500)],
  ...[keyText, 'p256:00', 'a\nb', '\u0000', { toString: 1 }, ['00', 'zz', '83']],
]

function someArguments(dice: Dice, { scene, channelIds, claims }: World, verb: string) {
  const fields: Record<string, unknown> = { ...proper[verb] }
  if (verb.startsWith('mandate')) {
    const ids = [...channelIds, new Uint8Array(32)]
    const mandates = Array.from({ length: dice.below(3) }, () => {
      const limit = dice.pick([0n, 5_000n, (1n << 64n) - 1n])
      const hex = signedMandate(scene.world, dice.pick(ids), { sequence: dice.below(6), limit })
      return dice.oneIn(3) ? bytesToHex(damaged(dice, Buffer.from(hex, 'hex'))) : hex
    })
    fields['mandates'] = mandates
  }
  if (verb === 'submit_claims') {
    const whole = dice.oneIn(2) ? claims : [...claims, ...claims]
    fields['claims'] = whole.map((hex) =>
      dice.oneIn(2) ? hex : bytesToHex(damaged(dice, Buffer.from(hex, 'hex'))),
    )
  }
  for (let left = dice.below(3); left > 0; left--) {
    const names = [...Object.keys(fields), 'fleet', 'device', 'amount', 'unknown', '__proto__']
    fields[dice.pick(names)] = dice.pick(odd)
  }
  return dice.oneIn(15) ? dice.pick(odd) : fields
}

type World = {
  readonly scene: Scene
  readonly channelIds: readonly Uint8Array[]
  /** What the channel that owes something is worth, as another machine would submit it. */
  readonly claims: readonly string[]
}

async function operator(world: World, dice: Dice): Promise<string | undefined> {
  const { scene } = world
  const verb = dice.oneIn(12) ? `${JSON.stringify(dice.pick(odd))}` : dice.pick(Object.keys(proper))
  const args = someArguments(dice, world, verb)
  try {
    await scene.call(verb, args)
    return undefined
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const { message } = error
    const isLine = !/[\n\r]/.test(message) && message.length < 1_000
    return isLine ? undefined : `${verb} is answered by ${message}`
  }
}

const identities: readonly Exclude<Identity, { kind: 'device' | 'stale_clock' | 'claimant' }>[] = [
  { kind: 'fleet', fleet: 'acme' },
  { kind: 'reader', fleet: 'acme', name: 'desk', rights: ['read'] },
  { kind: 'reader', fleet: 'acme', name: 'desk', rights: ['supply'] },
]

/** A fleet asks; whatever it says, the channels of another stay as they are. */
async function fleet(world: World, dice: Dice): Promise<string | undefined> {
  const { scene } = world
  const { gateway } = scene.world
  const verb = dice.pick(['list', 'get', 'pause', 'resume', 'mandate', 'settle', 'enrol_device'])
  const fields = someArguments(dice, world, verb)
  const request = { transaction: dice.oneIn(8) ? dice.pick(odd) : 'tx-1', ...Object(fields) }
  const text = utf8ToBytes(JSON.stringify(request))
  const payload = dice.oneIn(5) ? damaged(dice, text) : text
  const { state } = gateway.core
  const foreign = Array.from({ length: state.hot.count() }, (_, number) => number).filter(
    (number) => state.cold.channel(number).fleet !== 'acme',
  )
  const before = foreign.map((number) => describeChannel(state, number)).join('\n')
  const topic = `tickpay/1/acme/_/request/${verb}`
  takeFleetRequest(gateway.core, gateway.call, dice.pick(identities), topic, payload)
  await scene.round()
  const after = foreign.map((number) => describeChannel(state, number)).join('\n')
  return before === after ? undefined : `${topic} changed a channel of another fleet`
}

async function begin(): Promise<World> {
  const scene = await openScene()
  const acme = await scene.device('ev-1', { key: testKey('p256', 21), units: ['Wh', 'Wh'] })
  const committed = await acme.commit()
  await acme.tick(committed, 7)
  const fleetArguments = { fleet: 'rival', signerKey: signerText }
  await scene.call('enrol_fleet', fleetArguments)
  await scene.call('ledger_fund', { fleet: 'rival', amount: '1000000' })
  await scene.call('enrol_device', { ...proper['enrol_device'], fleet: 'rival' })
  const { state } = scene.world.gateway.core
  const channelIds = Array.from(
    { length: state.hot.count() },
    (_, number) => state.cold.channel(number).channelId,
  )
  const page = await scene.call('export_claims')
  const { claims } = page as { readonly claims: readonly string[] }
  if (claims.length === 0) throw new RangeError('a channel owes something')
  return { scene, channelIds, claims }
}

async function check(input: Uint8Array): Promise<string | undefined> {
  const dice = diceOf(input)
  const world = await begin()
  const site = world.scene.world
  for (let ops = 0; ops < OPS_MAX && !dice.isOver(); ops++) {
    const wrong = dice.oneIn(3) ? await fleet(world, dice) : await operator(world, dice)
    if (wrong !== undefined) return wrong
    if (site.fatal.length > 0) return `fatal: ${String(site.fatal[0])}`
    const logged = site.logs.find((line) => line.startsWith('error'))
    if (logged !== undefined) return logged
    if (Object.keys(Object.prototype).length > 0) return 'every object has new keys'
  }
  await world.scene.round()
  if ((await recoveredText(site, 'journal alone')) !== stateOf(site)) {
    return 'the state is not the fold of the journal'
  }
  return site.ledger.audit().map(String)[0]
}

const generate = (dice: Dice) => dice.bytes(30 + dice.below(200))

export const requestsTarget: Target = { name: 'requests', quickRuns: 10, generate, check }
