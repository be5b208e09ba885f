import { describe, expect, it } from 'vitest'
import { entryToJson } from '../../../ledger/embedded/reports.ts'
import { bytesToHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { allocationTerms, fundedWorld, keyOf, ledgerWorld, START_SECONDS } from './world.ts'

describe('opening a ledger', () => {
  it('gives it an id that stays and that no other has', async () => {
    const world = ledgerWorld()
    const first = await world.open()
    await first.close()
    const again = await world.open()
    const other = await ledgerWorld().open()
    expect(again.domain).toEqual(first.domain)
    expect(first.domain.chainId).toBe(0n)
    expect(other.domain.verifyingContract).not.toEqual(first.domain.verifyingContract)
  })

  it('makes its id durable before it is used', async () => {
    const world = ledgerWorld()
    const release = world.store.holdWrites()
    const opening = world.open()
    let opened = false
    opening.then(() => {
      opened = true
    })
    await world.time.settle()
    expect(opened).toBe(false)
    release()
    const { domain } = await opening
    world.store.crash()
    expect((await world.open()).domain).toEqual(domain)
  })

  it('refuses a store of a newer version and says what to do', async () => {
    const world = ledgerWorld()
    await world.store.write([[utf8ToBytes('format'), encodeCbor([3, new Uint8Array(32)])]])
    await expect(world.open()).rejects.toThrow(
      'the ledger in /data/ledger has format 3, this program knows 2: upgrade tickpay, or name',
    )
  })

  it('refuses books whose figures contradict each other', async () => {
    const world = await fundedWorld(1_000n)
    const [[key] = []] = world.store.range(utf8ToBytes('B'), utf8ToBytes('C'))
    if (!key) throw new Error('no balance')
    await world.store.write([[key, encodeCbor([false, 1n])]])
    await expect(world.open()).rejects.toThrow(/damaged: .* restore a backup/)
  })

  it('refuses a record that it did not write', async () => {
    const world = await fundedWorld(1_000n)
    const [[key] = []] = world.store.range(utf8ToBytes('A'), utf8ToBytes('B'))
    if (!key) throw new Error('no allocation')
    await world.store.write([[key, new Uint8Array([0xff])]])
    await expect(world.open()).rejects.toThrow(/restore its store from a backup/)
  })
})

describe('an audit', () => {
  // T71
  it('finds an altered entry, balance, channel and a missing line', async () => {
    const world = await fundedWorld(1_000n)
    await world.ledger.submit([world.device(1).commit().claim(3)], 'k')
    expect(world.ledger.audit()).toEqual([])
    const alter = async (letter: string, value: (bytes: Uint8Array) => Uint8Array | undefined) => {
      const to = new Uint8Array([letter.charCodeAt(0) + 1])
      const [[key, bytes] = []] = world.store.range(utf8ToBytes(letter), to)
      if (!key || !bytes) throw new Error(`no record ${letter}`)
      await world.store.write([[key, value(bytes)]])
      const problems = world.ledger.audit().join('; ')
      await world.store.write([[key, bytes]])
      return problems
    }
    const channel = [world.device(1).channelId, 31n, 1, 3, new Uint8Array(32), START_SECONDS]
    expect(await alter('B', () => encodeCbor([false, 1n]))).toMatch(/come to/)
    expect(await alter('C', () => encodeCbor(channel))).toMatch(/its channels come to 31/)
    expect(await alter('E', () => undefined)).toMatch(/entry 1 is missing/)
    const entry = [START_SECONDS, 'external', 'fleet:acme', 'EUR/6', 999n, 'deposit-1', null]
    expect(await alter('E', () => encodeCbor(entry))).toMatch(/its entries come to -?999/)
    expect(world.ledger.audit()).toEqual([])
  })
})

describe('a crash', () => {
  it('takes back what was not durable, and all of it', async () => {
    const world = await fundedWorld(1_000n)
    const { claim } = world.device(1).commit()
    const release = world.store.holdWrites()
    const lost = world.ledger.submit([claim(3), world.device(2).commit().claim(2)], 'k')
    let settled = false
    lost.then(() => {
      settled = true
    })
    await world.time.settle()
    expect(settled).toBe(false)
    world.store.crash()
    release()
    const ledger = await world.open()
    expect(await ledger.allocation(world.allocation.id)).toMatchObject({ paid: 0n, fee: 0n })
    expect(ledger.audit()).toEqual([])
    expect(await ledger.submit([claim(3)], 'k')).toMatchObject([{ paid: 30n }])
  })

  it('keeps what was durable: the same submission pays nothing more', async () => {
    const world = await fundedWorld(1_000n)
    const claims = [world.device(1).commit().claim(3)]
    const first = await world.ledger.submit(claims, 'k')
    world.store.crash()
    const ledger = await world.open()
    expect(await ledger.submit(claims, 'k')).toEqual(first)
    expect(await ledger.submit(claims, 'k2')).toMatchObject([{ status: 'repeated', paid: 0n }])
    expect(await ledger.allocation(world.allocation.id)).toMatchObject({ paid: 30n })
  })

  it('shows no state to a reader that could be taken back', async () => {
    const world = await fundedWorld(1_000n)
    const release = world.store.holdWrites()
    const funding = world.ledger.fund(world.allocation.id, 5n, 'deposit-2')
    await world.time.settle()
    const read = world.ledger.allocation(world.allocation.id)
    let answered = false
    read.then(() => {
      answered = true
    })
    await world.time.settle()
    expect(answered).toBe(false)
    release()
    await funding
    expect(await read).toMatchObject({ setAside: 1_005n })
  })

  it('of the disk leaves the books as they were', async () => {
    const world = await fundedWorld(1_000n)
    world.store.failWrites(new Error('disk full'))
    const lost = world.ledger.submit([world.device(1).commit().claim(3)], 'k')
    await expect(lost).rejects.toThrow('disk full')
    expect(await world.ledger.allocation(world.allocation.id)).toMatchObject({ paid: 0n })
    expect(world.ledger.audit()).toEqual([])
  })
})

describe('an allocation', () => {
  it('is opened once', async () => {
    const { ledger, allocation } = await fundedWorld(10n)
    expect(await ledger.openAllocation(allocationTerms)).toEqual(allocation)
    const otherFee = ledger.openAllocation({ ...allocationTerms, feeBasisPoints: 5 })
    await expect(otherFee).rejects.toThrow(/is open with another fee, notice or key/)
    const signerKey = publicKeyOf(keyOf(77))
    const otherKey = ledger.openAllocation({ ...allocationTerms, signerKey })
    await expect(otherKey).rejects.toThrow(/is open with another fee, notice or key/)
    expect(await ledger.allocations()).toEqual([allocation])
  })

  it('keeps its owner key', async () => {
    const world = ledgerWorld()
    const ownerKey = publicKeyOf(keyOf(5, 'ed25519'))
    const { id } = await (await world.open()).openAllocation({ ...allocationTerms, ownerKey })
    expect(await (await world.open()).allocation(id)).toMatchObject({ ownerKey })
  })

  const wrong = {
    'a fleet that is no id': { fleet: 'Acme Ltd' },
    'a gateway that is no id': { gateway: '' },
    'a short address': { payee: new Uint8Array(19) },
    'an asset with 10 decimals': { asset: { code: 'EUR', scale: 10 } },
    'a fee above the whole': { feeBasisPoints: 10_001 },
    'a key that is no point': {
      signerKey: { algorithm: 'p256', bytes: new Uint8Array(64) } as const,
    },
  }
  for (const [name, changes] of Object.entries(wrong)) {
    it(`is not opened with ${name}`, async () => {
      const ledger = await ledgerWorld().open()
      const opened = ledger.openAllocation({ ...allocationTerms, ...changes })
      await expect(opened).rejects.toMatchObject({ name: 'OperatorError' })
    })
  }

  // T07
  it('holds each asset apart', async () => {
    const { ledger } = await fundedWorld(10n)
    const asset = { code: 'USD', scale: 2 }
    const other = await ledger.openAllocation({ ...allocationTerms, asset })
    await ledger.fund(other.id, 7n, 'deposit-usd')
    expect(ledger.balance('external')).toEqual([
      { account: 'external', asset: 'EUR/6', amount: -10n },
      { account: 'external', asset: 'USD/2', amount: -7n },
    ])
    expect(ledger.sum()).toBe('0')
  })

  it('is unknown until it is opened', async () => {
    const { ledger } = await fundedWorld(10n)
    const id = new Uint8Array(32)
    expect(await ledger.allocation(id)).toBeUndefined()
    await expect(ledger.fund(id, 1n, 'deposit-9')).rejects.toThrow(/open it first/)
  })
})

describe('funding', () => {
  it('happens once for each reference', async () => {
    const { ledger, allocation } = await fundedWorld(10n)
    await ledger.fund(allocation.id, 10n, 'deposit-1')
    expect(await ledger.allocation(allocation.id)).toMatchObject({ setAside: 10n })
    const other = ledger.fund(allocation.id, 11n, 'deposit-1')
    await expect(other).rejects.toThrow(/"deposit-1" was used before .* choose another one/)
  })

  it('refuses what is no amount, no reference, or more than can be said', async () => {
    const { ledger, allocation } = await fundedWorld(10n)
    const { id } = allocation
    await expect(ledger.fund(id, 0n, 'a')).rejects.toThrow(/is no amount/)
    await expect(ledger.fund(id, -5n, 'a')).rejects.toThrow(/is no amount/)
    await expect(ledger.fund(id, 2n ** 64n, 'a')).rejects.toThrow(/is no amount/)
    await expect(ledger.fund(id, 2n ** 64n - 1n, 'a')).rejects.toThrow(/fund it with less/)
    for (const reference of ['', '=1+1', 'a,b', 'a"b', 'a\nb', 'x'.repeat(129)]) {
      await expect(ledger.fund(id, 1n, reference)).rejects.toThrow(/is no reference/)
    }
    expect(await ledger.allocation(id)).toEqual(allocation)
  })
})

describe('the entries', () => {
  async function settled() {
    const world = await fundedWorld(1_000n)
    const claims = [world.device(1).commit().claim(30), world.device(2).commit().claim(20)]
    await world.ledger.submit(claims, 'settle-1')
    return world
  }

  it('say what moved, where from and where to, and why', async () => {
    const { ledger, allocation, device } = await settled()
    const allocated = `allocation:${bytesToHex(allocation.id)}`
    const payee = `payee:0x${bytesToHex(allocation.payee)}`
    const { entries } = ledger.entries({})
    expect(entries.map((one) => [one.number, one.debit, one.credit, one.amount])).toEqual([
      [1, 'external', 'fleet:acme', 1_000n],
      [2, 'fleet:acme', allocated, 1_000n],
      [3, allocated, payee, 300n],
      [4, allocated, payee, 200n],
      [5, payee, 'fee:gate-1', 5n],
    ])
    expect(entries[2]).toMatchObject({
      reference: 'settle-1',
      channel: bytesToHex(device(1).channelId),
      timeSeconds: START_SECONDS,
      asset: 'EUR/6',
    })
  })

  it('come in pages and by account', async () => {
    const { ledger } = await settled()
    const first = ledger.entries({ limit: 2 })
    expect(first.entries.map((one) => one.number)).toEqual([1, 2])
    expect(first.next).toBe(3)
    const rest = ledger.entries({ from: 3 })
    expect(rest.entries.map((one) => one.number)).toEqual([3, 4, 5])
    expect(rest.next).toBeUndefined()
    const fees = ledger.entries({ account: 'fee:gate-1', limit: 1 })
    expect(fees.entries.map((one) => one.number)).toEqual([5])
    expect(ledger.entries({ account: 'fleet:acme', from: 2 }).entries).toHaveLength(1)
  })

  it('have amounts as decimal strings in JSON and CSV', async () => {
    const { ledger, allocation } = await settled()
    const lines = [...ledger.csv({ account: 'fee:gate-1' })]
    const payee = `payee:0x${bytesToHex(allocation.payee)}`
    expect(lines).toEqual([
      'number,time,debit,credit,asset,amount,reference,channel',
      `5,2027-01-15T08:00:00.000Z,${payee},fee:gate-1,EUR/6,5,settle-1,`,
    ])
    const [entry] = ledger.entries({}).entries
    if (!entry) throw new Error('no entry')
    expect(JSON.stringify(entryToJson(entry))).toContain('"amount":"1000"')
  })
})
