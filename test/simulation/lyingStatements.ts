/**
 * A gateway that lies to the fleet about what is owed: a leaf that is too high, lower than before,
 * missing or of another channel, a total that is none, a report that goes with the lie.
 * @module
 */

import type { Dice } from '../../firmware-sim/dice.ts'
import type { Cosigner } from '../../fleet/cosigner.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { signDigest } from '../../protocol/keys.ts'
import { FLEET_PACKET_BYTES_MAX } from '../../protocol/limits.ts'
import { merkleRoot, type StatementLeaf, statementLeaf } from '../../protocol/merkle.ts'
import type { Statement } from '../../protocol/structures.ts'
import {
  digestOf,
  signedFromWire,
  signedToWire,
  statementStructure,
} from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { GatewayActor } from './gatewayActor.ts'

export type LyingStatements = {
  readonly ask: Cosigner['ask']
  /** What the gateway says of its channels. */
  readonly report: (said: unknown) => unknown
}

type Leaf = readonly [number, string, string]
type Page = { readonly leaves: readonly Leaf[]; readonly next: number | null }

const lyingShare = 0.7
const tooMuch = 500n

/** `ask` as it is, or with lies in its answers while the gateway lies. */
export function lyingStatements(
  { liar, key }: GatewayActor,
  domain: Domain,
  ask: Cosigner['ask'],
): LyingStatements {
  const dice = liar.ledgerDice
  if (!dice?.chance(lyingShare)) return { ask, report: (said) => said }
  const lie = dice.between(0, 5)
  let told: Page | undefined
  return {
    report: (said) => (lie === 0 ? (said as readonly object[]).map(inflated) : said),
    ask: async (verb, fields) => {
      if (verb === 'statement-leaves' && told) return told
      const answer = (await ask(verb, fields)) as { statement: string | null; state: string }
      if (verb !== 'statement' || answer.statement === null) return answer
      const value = statementIn(answer.statement)
      if (!value) return answer
      const query = { sequence: value.sequence, from: 0 }
      const page = (await ask('statement-leaves', query)) as Page
      const leaves = twisted(page.leaves, lie, dice)
      told = { leaves, next: null }
      const forged = restated(value, leaves, lie)
      const signature = signDigest(key, digestOf(domain, statementStructure, forged))
      const wire = encodeCbor(signedToWire(statementStructure, { value: forged, signature }))
      return { ...answer, statement: bytesToHex(wire) }
    },
  }
}

function inflated(report: object): object {
  const { paid } = report as { readonly paid: string }
  const { unitsPaid } = report as { readonly unitsPaid: string }
  const more = `${BigInt(unitsPaid) + tooMuch}`
  return { ...report, paid: `${BigInt(paid) + tooMuch}`, unitsPaid: more }
}

function statementIn(hex: string): Statement | undefined {
  const wire = decodeCbor(parseHex(hex) ?? new Uint8Array(), FLEET_PACKET_BYTES_MAX)
  return wire === undefined ? undefined : signedFromWire(statementStructure, wire)?.value
}

function twisted(leaves: readonly Leaf[], lie: number, dice: Dice): readonly Leaf[] {
  const place = dice.between(0, Math.max(0, leaves.length - 1))
  const change = (how: (leaf: Leaf) => readonly Leaf[]) =>
    leaves.flatMap((leaf, at) => (at === place ? how(leaf) : [leaf]))
  const add = (more: bigint) =>
    change(([position, id, amount]) => [[position, id, `${atLeastOne(BigInt(amount) + more)}`]])
  if (lie === 0 || lie === 1) return add(tooMuch)
  if (lie === 2) return add(-BigInt(dice.between(1, 200)))
  if (lie === 3) return change(() => [])
  if (lie === 4) return change(([position, , amount]) => [[position, '07'.repeat(32), amount]])
  return leaves
}

function atLeastOne(amount: bigint): bigint {
  return amount < 1n ? 1n : amount
}

/** The statement that goes with such leaves, with a total of its own for the last lie. */
function restated(value: Statement, leaves: readonly Leaf[], lie: number): Statement {
  const read = leaves.map(([position, id, amount]): StatementLeaf => {
    return { position, channelId: parseHex(id) ?? new Uint8Array(32), amount: BigInt(amount) }
  })
  const sum = read.reduce((all, { amount }) => all + amount, 0n)
  return {
    ...value,
    total: lie === 5 ? sum + tooMuch : sum,
    positions: read.reduce((most, { position }) => Math.max(most, position + 1), 0),
    root: merkleRoot(new Map(read.map((leaf) => [leaf.position, statementLeaf(leaf)]))),
  }
}
