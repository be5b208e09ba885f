import { describe, expect, it } from 'vitest'
import type { Claim } from '../../../ledger/ledger.ts'
import { claimReasons } from '../../../ledger/rules/claimRules.ts'
import { concatBytes } from '../../../protocol/bytes.ts'
import type { StatementLeaf } from '../../../protocol/merkle.ts'
import type { Channel } from '../../../protocol/structures.ts'
import { CHECKPOINT, RENEWAL } from '../../../protocol/structures.ts'
import {
  allocationTerms,
  DAY_SECONDS,
  deviceOf,
  fundedWorld,
  keyOf,
  leafOf,
  ledgerWorld,
  START_SECONDS,
  seedOf,
  statementOf,
} from './world.ts'

type World = Awaited<ReturnType<typeof fundedWorld>>

const bookText = ({ ledger }: World) =>
  ledger
    .balance()
    .map(({ account, amount }) => `${account} ${amount}`)
    .join('\n')

async function reasonFor(world: World, claim: Claim, key = 'key'): Promise<string> {
  const before = bookText(world)
  const [result] = await world.ledger.submit([claim], key)
  if (!result) throw new Error('no result')
  if (result.status === 'refused') {
    expect(result.paid).toBe(0n)
    expect(bookText(world)).toBe(before)
  }
  return result.reason ?? result.status
}

async function inForce({ ledger, allocation }: World, leaves: readonly StatementLeaf[]) {
  const submission = statementOf(ledger.domain, allocation.id, leaves)
  expect(await ledger.submitStatement(submission, 'statement')).toMatchObject({ status: 'paid' })
}

/** What breaks exactly one check, in the order in which they are made. */
const faults: Record<(typeof claimReasons)[number], (world: World) => Promise<Claim> | Claim> = {
  malformed: (w) =>
    w
      .device(1)
      .commit()
      .claim(3, { word: new Uint8Array(31) }),
  unknown_allocation: (w) =>
    w
      .device(1, { allocation: seedOf(77) })
      .commit()
      .claim(3),
  wrong_terms: (w) => w.device(1, { feeBasisPoints: 99 }).commit().claim(3),
  wrong_channel: (w) => {
    const other = w.device(2)
    return w.device(1).commit().claim(3, { mandate: other.mandate })
  },
  position_taken: async (w) => {
    await w.ledger.submit([w.device(1).commit().claim(1)], 'first')
    return w
      .device(1, { salt: seedOf(55) })
      .commit()
      .claim(3)
  },
  mandate_early: (w) => {
    const device = w.device(1)
    return device
      .commit()
      .claim(3, { mandate: device.signMandate({ notBefore: START_SECONDS + 1 }) })
  },
  mandate_expired: async (w) => {
    await w.time.advance((8 * DAY_SECONDS + 1) * 1_000)
    return w.device(1).commit().claim(3)
  },
  out_of_range: (w) => w.device(1).commit().claim(101),
  not_evidence: (w) => w.device(1).commit({ kind: RENEWAL, base: 50n }).claim(0),
  // No commitment of the wire is longer than this ledger follows; see the test with a shorter one.
  too_long_tail: (w) => w.device(1).commit().claim(3),
  over_mandate: (w) => {
    const device = w.device(1)
    return device.commit().claim(3, { mandate: device.signMandate({ limit: 29n }) })
  },
  no_leaf: async (w) => {
    await inForce(w, [])
    return w.device(1).commit().claim(3)
  },
  wrong_leaf: async (w) => {
    const device = w.device(1)
    const { channelId } = device
    await inForce(w, [{ position: 1, channelId, amount: 20n }])
    const leaf = leafOf([{ position: 1, channelId, amount: 19n }], 1)
    return device.commit().claim(3, { leaf })
  },
  foreign_leaf: async (w) => {
    const stated = [{ position: 1, channelId: w.device(2).channelId, amount: 20n }]
    await inForce(w, stated)
    return w
      .device(1)
      .commit()
      .claim(3, { leaf: leafOf(stated, 1) })
  },
  bad_mandate_signature: (w) => {
    const device = w.device(1)
    return device.commit().claim(3, { mandate: device.signMandate({}, keyOf(901)) })
  },
  bad_commitment_signature: (w) => {
    const { commitment, claim } = w.device(1).commit()
    const signature = w.device(2).sign(commitment.value).signature
    return claim(3, { commitment: { ...commitment, signature } })
  },
  bad_word: (w) => {
    const { chain, claim } = w.device(1).commit()
    return claim(3, { word: chain.wordAt(4) })
  },
  no_funds: (w) => {
    const device = w.device(1)
    const mandate = device.signMandate({ limit: 10n ** 12n })
    return device.commit({ pricePerTick: 333_334n }).claim(3, { mandate })
  },
}

describe('the checks on a claim', () => {
  for (const reason of claimReasons.filter((one) => one !== 'too_long_tail')) {
    it(`refuses ${reason} and pays nothing`, async () => {
      const world = await fundedWorld()
      const claim = await faults[reason](world)
      expect(await reasonFor(world, claim)).toBe(reason)
    })
  }

  it('pays what is sound', async () => {
    const world = await fundedWorld()
    expect(await reasonFor(world, world.device(1).commit().claim(3))).toBe('paid')
  })

  it('names the first fault when a claim has several', async () => {
    const world = await fundedWorld()
    const device = world.device(1)
    const bad = { sequence: 9, notBefore: START_SECONDS + 1, limit: 0n, channelId: seedOf(3) }
    const { commitment, claim } = device.commit({ kind: RENEWAL })
    const all = {
      mandate: device.signMandate(bad, keyOf(901)),
      commitment: { ...commitment, signature: new Uint8Array(64) },
      word: new Uint8Array(32),
    }
    const repair = async (changes: Partial<Claim>, index: number) => {
      Object.assign(all, changes)
      return reasonFor(world, claim(index, all))
    }
    const mandate = (changes: object) => ({
      mandate: device.signMandate({ ...bad, ...changes }, keyOf(901)),
    })
    const { channelId } = device
    const notBefore = START_SECONDS
    const order = [
      await repair({}, 0),
      await repair(mandate({ channelId }), 200),
      await repair(mandate({ channelId, notBefore }), 200),
      await repair({}, 0),
      await repair({}, 1),
      await repair(mandate({ channelId, notBefore, limit: 10n }), 1),
      await repair({ mandate: device.signMandate({ limit: 10n }) }, 1),
      await repair({ commitment }, 1),
    ]
    expect(order).toEqual([
      'wrong_channel',
      'mandate_early',
      'out_of_range',
      'not_evidence',
      'over_mandate',
      'bad_mandate_signature',
      'bad_commitment_signature',
      'bad_word',
    ])
  })
})

describe('malformed claims', () => {
  const cases: Record<string, (world: World) => Claim> = {
    'a fraction of a tick': (w) => w.device(1).commit().claim(1, { index: 1.5 }),
    'an index that is no number': (w) => w.device(1).commit().claim(1, { index: Number.NaN }),
    'a negative index': (w) => w.device(1).commit().claim(1, { index: -1 }),
    'an index behind the longest epoch': (w) => w.device(1).commit().claim(1, { index: 65_537 }),
    'an unknown kind of commitment': (w) => w.device(1).commit({ kind: 3 }).claim(1),
    'an epoch of 0': (w) => w.device(1).commit({ epoch: 0 }).claim(1),
    'no units a tick': (w) => w.device(1).commit({ unitsPerTick: 0n }).claim(1),
    'a worst case of 2^64': (w) =>
      w
        .device(1)
        .commit({ base: 2n ** 64n - 1_000n, pricePerTick: 10n })
        .claim(1),
    'a last reading of 2^64': (w) =>
      w
        .device(1)
        .commit({ startReading: 2n ** 64n - 500n })
        .claim(1),
    'a claim window before the expiry': (w) => {
      const device = w.device(1)
      const claimUntil = START_SECONDS + DAY_SECONDS - 1
      return device.commit().claim(1, { mandate: device.signMandate({ claimUntil }) })
    },
    'a short signature': (w) => {
      const { commitment, claim } = w.device(1).commit()
      return claim(1, { commitment: { ...commitment, signature: new Uint8Array(63) } })
    },
    'an unknown algorithm': (w) => w.device(1, { payerAlgorithm: 4 }).commit().claim(1),
    'a position beyond the tree': (w) =>
      w
        .device(1, { position: 1 << 20 })
        .commit()
        .claim(1),
  }
  for (const [name, claimFor] of Object.entries(cases)) {
    it(`refuses ${name}`, async () => {
      const world = await fundedWorld()
      expect(await reasonFor(world, claimFor(world))).toBe('malformed')
    })
  }

  it('leaves the sound claims beside it alone', async () => {
    const world = await fundedWorld()
    const bad = world.device(1).commit().claim(1, { index: -1 })
    const good = world.device(2).commit().claim(2)
    const results = await world.ledger.submit([bad, good], 'mixed')
    expect(results.map(({ status, paid }) => [status, paid])).toEqual([
      ['refused', 0n],
      ['paid', 20n],
    ])
  })
})

// T05
describe('what a word and a signature are worth elsewhere', () => {
  it('is nothing under another commitment, be it of the same epoch and root', async () => {
    const world = await fundedWorld()
    const device = world.device(1)
    const first = device.commit()
    const second = device.commit({ pricePerTick: 11n, root: first.chain.root })
    const word = first.chain.wordAt(3)
    expect(await reasonFor(world, second.claim(3, { word }))).toBe('bad_word')
    expect(first.chain.wordAt(3)).not.toEqual(device.commit({ pricePerTick: 11n }).chain.wordAt(3))
  })

  it('is nothing in another epoch or for another channel', async () => {
    const world = await fundedWorld()
    const device = world.device(1)
    const word = device.commit().chain.wordAt(3)
    expect(await reasonFor(world, device.commit({ epoch: 2 }).claim(3, { word }))).toBe('bad_word')
    expect(await reasonFor(world, world.device(2).commit().claim(3, { word }))).toBe('bad_word')
  })

  it('is nothing at another index', async () => {
    const world = await fundedWorld()
    const { chain, claim } = world.device(1).commit()
    expect(await reasonFor(world, claim(4, { word: chain.wordAt(3) }))).toBe('bad_word')
    expect(await reasonFor(world, claim(0, { word: chain.wordAt(1) }))).toBe('bad_word')
  })

  it('is nothing at another ledger, be everything else the same', async () => {
    const world = await fundedWorld()
    const elsewhere = await ledgerWorld().open()
    const foreign = await elsewhere.openAllocation(allocationTerms)
    const device = deviceOf(elsewhere.domain, foreign, 1)
    expect(await reasonFor(world, device.commit().claim(3))).toBe('unknown_allocation')

    const channel = { ...device.channel, allocation: world.allocation.id }
    expect(await reasonFor(world, device.commit().claim(3, { channel }))).toBe('wrong_channel')

    const forged = deviceOf(elsewhere.domain, world.allocation, 1)
    const own = world.device(1)
    const relabelled = forged.commit({ channelId: own.channelId })
    const mandate = forged.signMandate({ channelId: own.channelId })
    expect(await reasonFor(world, relabelled.claim(3, { mandate }))).toBe('bad_mandate_signature')
    const mixed = relabelled.claim(3, { mandate: own.mandate })
    expect(await reasonFor(world, mixed)).toBe('bad_commitment_signature')
  })

  it('keeps its worth when only the other s is shown: a high s is refused', async () => {
    const world = await fundedWorld()
    const { commitment, claim } = world.device(1).commit()
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const low = BigInt(`0x${Buffer.from(commitment.signature.subarray(32)).toString('hex')}`)
    const high = Buffer.from((order - low).toString(16).padStart(64, '0'), 'hex')
    const signature = concatBytes(commitment.signature.subarray(0, 32), high)
    const claimed = claim(3, { commitment: { ...commitment, signature } })
    expect(await reasonFor(world, claimed)).toBe('bad_commitment_signature')
    expect(await reasonFor(world, claim(3), 'then')).toBe('paid')
    expect(await reasonFor(world, claimed, 'after')).toBe('bad_commitment_signature')
  })
})

describe('what one device signs for two channels', () => {
  it('is paid for the channel it was signed for only', async () => {
    const world = await fundedWorld()
    const first = world.device(1)
    const second = world.device(1, { position: 2, salt: seedOf(70) })
    const { commitment } = first.commit()
    const claim = second.commit().claim(3, { commitment })
    expect(await reasonFor(world, { ...claim, word: first.commit().chain.wordAt(3) })).toBe(
      'wrong_channel',
    )
  })
})

// T07
describe('terms of the channel that differ from the allocation', () => {
  const differences: Record<string, Partial<Channel>> = {
    payee: { payee: new Uint8Array(20).fill(8) },
    fee: { feeBasisPoints: 0 },
    fleet: { fleet: 'other' },
    gateway: { gateway: 'gate-2' },
    asset: { assetCode: 'USD' },
    scale: { assetScale: 2 },
  }
  for (const [name, changes] of Object.entries(differences)) {
    it(`are refused: ${name}`, async () => {
      const world = await fundedWorld()
      expect(await reasonFor(world, world.device(1, changes).commit().claim(3))).toBe('wrong_terms')
    })
  }
})

describe('a proof that was seen before', () => {
  it('does not vouch for the same mandate with another signature', async () => {
    const world = await fundedWorld()
    const device = world.device(1)
    const { claim } = device.commit()
    expect(await reasonFor(world, claim(3))).toBe('paid')
    const signature = device.signMandate({}, keyOf(901)).signature
    const mandate = { ...device.mandate, signature }
    expect(await reasonFor(world, claim(4, { mandate }), 'k2')).toBe('bad_mandate_signature')
  })
})

describe('time', () => {
  it('pays at claimUntil and refuses one second later', async () => {
    const world = await fundedWorld()
    const { claim } = world.device(1).commit()
    await world.time.advance(8 * DAY_SECONDS * 1_000)
    expect(await reasonFor(world, claim(1))).toBe('paid')
    await world.time.advance(1_000)
    expect(await reasonFor(world, claim(2), 'late')).toBe('mandate_expired')
  })

  it('takes words after the mandate has expired', async () => {
    const world = await fundedWorld()
    await world.time.advance((DAY_SECONDS + 3_600) * 1_000)
    expect(await reasonFor(world, world.device(1).commit().claim(1))).toBe('paid')
  })
})

describe('renewal and checkpoint', () => {
  it('takes a checkpoint as evidence of its base', async () => {
    const world = await fundedWorld()
    const { claim } = world.device(1).commit({ kind: CHECKPOINT, epoch: 4, base: 700n })
    const [result] = await world.ledger.submit([claim(0)], 'base')
    expect(result).toMatchObject({ status: 'paid', paid: 700n, cumulative: 700n })
  })

  it('takes a renewal from its first own word on', async () => {
    const world = await fundedWorld()
    const { claim } = world.device(1).commit({ kind: RENEWAL, epoch: 2, base: 1_000n })
    const results = await world.ledger.submit([claim(0), claim(1)], 'renewal')
    expect(results.map(({ status }) => status)).toEqual(['refused', 'paid'])
    expect(results[1]?.cumulative).toBe(1_010n)
  })
})
