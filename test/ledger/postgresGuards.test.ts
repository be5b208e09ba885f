/**
 * Tries to break the books with SQL: under the role of a gateway, which may only call what it
 * needs, and as the owner of the tables, whom the triggers stop too.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { bytesToHex } from '../../protocol/bytes.ts'
import { seedOf } from '../unit/ledger/world.ts'
import { type FundedWorld, fundedContract } from './contractWorld.ts'
import { testServer } from './postgresServer.ts'
import { type PostgresWorld, postgresWorlds } from './postgresWorld.ts'

const server = testServer()
const open = postgresWorlds(server)
/** For what is refused and so leaves the books as they were: making a database takes long. */
const openShared = postgresWorlds(server, afterAll)
const logins = ['tickpay_gateway', 'tickpay_operator', 'tickpay_read'] as const

let world: PostgresWorld
let funded: FundedWorld
let id: string
let channel: string

async function begin(opening: typeof open): Promise<void> {
  world = await opening()
  funded = await fundedContract(async () => world, 1_000n)
  await funded.ledger.submit([funded.device(1).commit().claim(10)], 'k')
  id = `'\\x${bytesToHex(funded.allocation.id)}'::bytea`
  channel = `'\\x${bytesToHex(funded.device(1).channelId)}'::bytea`
  for (const group of logins) {
    const login = `${group}_login`
    await server.sql(
      world.database,
      `DO $$ BEGIN IF to_regrole('${login}') IS NULL THEN
         CREATE ROLE ${login} LOGIN; GRANT ${group} TO ${login}; END IF; END $$`,
    )
  }
}

/** Statements of one transaction, as a login of a role or as the owner of the tables. */
function as(who: (typeof logins)[number] | 'tickpay_owner', text: string) {
  const head = 'BEGIN; SET LOCAL search_path = tickpay;'
  const owner = who === 'tickpay_owner'
  const user = owner ? 'postgres' : `${who}_login`
  const role = owner ? 'SET LOCAL ROLE tickpay_owner;' : ''
  return server.sql(world.database, `${head} ${role} ${text}; COMMIT`, [], user)
}

const other = (number: number) => `'\\x${bytesToHex(seedOf(number))}'::bytea`
const word = other(1)

/** A call that pays `amount` more at a position, so that the channel comes to `paid`. */
const pay = (position: number, name: string, paid: number, amount: number) =>
  `SELECT pay_claims('raw', ARRAY[${id}], ARRAY[${name}], ARRAY[${amount}]::numeric[],
     ARRAY[${id}], ARRAY[${position}], ARRAY[${name}], ARRAY[${paid}]::numeric[], ARRAY[1::bigint],
     ARRAY[1], ARRAY[${word}], ARRAY['\\x00'::bytea])`

const statement = (sequence: number, total: number, evidencePaid: number) =>
  `SELECT pay_statement('s', ${id}, ${sequence}, ${total}, ${evidencePaid}, 2, ${word}, ${word},
     1, 4000000000, ${other(2)} || ${other(3)}, ${other(2)} || ${other(3)})`

/** A withdrawal with its notice, and what is done to it then. */
const withdrawal = (then: string) =>
  `INSERT INTO withdrawals VALUES (${id}, 'w', 5, 0, 4000000); UPDATE withdrawals SET ${then}`

describe('the role of a gateway', () => {
  beforeAll(() => begin(openShared))

  const forbidden: Readonly<Record<string, () => string>> = {
    'insert an entry': () => 'INSERT INTO entries VALUES (1, 1, 5)',
    'change an entry': () => 'UPDATE entries SET amount = amount * 2',
    'delete a transaction': () => 'DELETE FROM transactions',
    'empty a table': () => 'TRUNCATE entries CASCADE',
    'set a balance': () => 'UPDATE accounts SET balance = 5000',
    'raise what was set aside': () => 'UPDATE allocations SET set_aside = 5000, paid = 0',
    'lower what a channel was paid': () => 'UPDATE channels SET paid = 0',
    'free a position': () => 'DELETE FROM channels',
    'forget a statement': () => 'DELETE FROM statements',
    'move money with the function behind': () =>
      `SELECT move(ARRAY['claim'], ARRAY['external'], ARRAY['payee:0x00'], ARRAY['EUR/6'],
         ARRAY[5]::numeric[], ARRAY['r'], ARRAY[${id}], ARRAY[${channel}])`,
    'pay past the channels': () =>
      `SELECT pay_out_of('r', 'claim', ARRAY[${id}], ARRAY[${channel}], ARRAY[5]::numeric[])`,
    'book a deposit': () => `SELECT fund(${id}, 5, 'mine')`,
    'pay out': () => "SELECT pay_out('payee:0x00', 'EUR/6', 5, 'mine')",
    'take a withdrawal': () => `SELECT request_withdrawal(${id}, 5, 'mine')`,
    'become the owner': () => 'SET ROLE tickpay_owner',
    'switch triggers off': () => 'ALTER TABLE entries DISABLE TRIGGER ALL',
    'switch them off for its session': () => "SET session_replication_role = 'replica'",
    'change a function': () =>
      "CREATE OR REPLACE FUNCTION tickpay.now_seconds() RETURNS bigint LANGUAGE sql AS 'SELECT 0'",
    'let a login act for a gateway': () => "INSERT INTO gateway_logins VALUES ('x', 'y')",
  }
  for (const [name, text] of Object.entries(forbidden)) {
    it(`may not ${name}`, async () => {
      await expect(as('tickpay_gateway', text())).rejects.toThrow(
        /permission denied|must be owner|permission to/,
      )
      expect(await world.ledger.audit()).toEqual([])
    })
  }
})

describe('what a gateway may call', () => {
  beforeEach(() => begin(open))

  it('does not get a channel paid twice, less than before, or more than its amount', async () => {
    await expect(as('tickpay_gateway', pay(1, channel, 100, 100))).rejects.toThrow(/paid twice/)
    await expect(as('tickpay_gateway', pay(1, channel, 50, 50))).rejects.toThrow(/paid twice/)
    await expect(as('tickpay_gateway', pay(1, channel, 150, 100))).rejects.toThrow(/paid twice/)
    await as('tickpay_gateway', pay(1, channel, 150, 50))
    expect(await funded.state()).toMatchObject({ paid: 150n })
    expect(await world.ledger.audit()).toEqual([])
  })

  it('does not get a position for another channel, nor a channel at another position', async () => {
    const claim = pay(1, other(77), 200, 100)
    await expect(as('tickpay_gateway', claim)).rejects.toThrow(/another channel/)
    await expect(as('tickpay_gateway', pay(2, channel, 200, 100))).rejects.toThrow(/unique/)
  })

  it('does not get more than was set aside, nor less than nothing', async () => {
    await expect(as('tickpay_gateway', pay(2, other(77), 901, 901))).rejects.toThrow(/check/)
    await expect(as('tickpay_gateway', pay(2, other(77), 50, -50))).rejects.toThrow(/together/)
    await as('tickpay_gateway', pay(2, other(77), 900, 900))
    expect(await funded.state()).toMatchObject({ available: 0n })
  })

  it('does not pay for a channel that the books do not get to know', async () => {
    const text = pay(2, other(77), 50, 50).replace(`ARRAY[${other(77)}], ARRAY[50]`, () => {
      return `ARRAY[${other(78)}], ARRAY[50]`
    })
    await expect(as('tickpay_gateway', text)).rejects.toThrow(/together/)
  })

  it('acts for its own gateway only, where the owner says which that is', async () => {
    const rows = "INSERT INTO gateway_logins VALUES ('tickpay_gateway_login', 'gate-2')"
    await as('tickpay_owner', rows)
    await expect(as('tickpay_gateway', pay(1, channel, 150, 50))).rejects.toThrow(
      /does not act for gateway gate-1/,
    )
  })

  it('gets statements paid in rising sequence, and only what was not paid', async () => {
    await as('tickpay_gateway', statement(5, 300, 100))
    expect(await funded.state()).toMatchObject({ paid: 300n, statementSequence: 5 })
    for (const sequence of [4, 5]) {
      await expect(as('tickpay_gateway', statement(sequence, 400, 100))).rejects.toThrow(/after/)
    }
    await expect(as('tickpay_gateway', statement(6, 400, 99))).rejects.toThrow(/does not fit/)
    await expect(as('tickpay_gateway', statement(6, 1_001, 100))).rejects.toThrow(/does not fit/)
    await as('tickpay_gateway', statement(7, 200, 100))
    expect(await funded.state()).toMatchObject({ paid: 300n, statementSequence: 7 })
    expect(await world.ledger.audit()).toEqual([])
  })
})

describe('the owner of the tables', () => {
  beforeAll(() => begin(openShared))

  const stopped: Readonly<Record<string, readonly [() => string, RegExp]>> = {
    'an edited entry': [() => 'UPDATE entries SET amount = amount * 2', /not allowed/],
    'a deleted entry': [() => 'DELETE FROM entries', /not allowed/],
    'an edited transaction': [() => "UPDATE transactions SET reference = 'x'", /not allowed/],
    'an emptied table': [() => 'TRUNCATE entries, transactions', /not allowed/],
    'a balance without an entry': [
      () => "UPDATE accounts SET balance = 5 WHERE name = 'fleet:acme'",
      /with entries only/,
    ],
    'a transaction that does not come to 0': [
      () =>
        `INSERT INTO transactions VALUES (900, 1, 'pay_out', 'EUR/6', 'x');
         INSERT INTO entries SELECT 900, id, 5 FROM accounts WHERE name = 'fleet:acme'`,
      /come to 5/,
    ],
    'a transaction without entries': [
      () => "INSERT INTO transactions VALUES (900, 1, 'pay_out', 'EUR/6', 'x')",
      /has 0 entries/,
    ],
    'an entry added to an old transaction': [
      () => "INSERT INTO entries SELECT 1, id, 5 FROM accounts WHERE name LIKE 'payee:%'",
      /come to/,
    ],
    'a balance below 0': [
      () =>
        `INSERT INTO transactions VALUES (900, 1, 'pay_out', 'EUR/6', 'x');
         INSERT INTO entries SELECT 900, id, CASE name WHEN 'external' THEN 5000 ELSE -5000 END
           FROM accounts WHERE name = 'external' OR name LIKE 'payee:%'`,
      /not_below_zero/,
    ],
    'paid without a payment': [
      () => 'UPDATE allocations SET paid = paid + 100, fee = 2',
      /holds 900 but 1000 was set aside and 200 paid/,
    ],
    'less paid than before': [() => 'UPDATE allocations SET paid = 0, fee = 0', /taken back|check/],
    'another payee': [() => "UPDATE allocations SET payee = '\\x00'", /do not change/],
    'another signer': [() => "UPDATE allocations SET signer_key = '\\x00'", /do not change/],
    'a withdrawal without its notice': [
      () => `INSERT INTO withdrawals VALUES (${id}, 'w', 5, 100, 100)`,
      /notice/,
    ],
    'a deleted channel': [() => 'DELETE FROM channels', /not allowed/],
    'a deleted account': [() => 'DELETE FROM accounts', /not allowed/],
    'a forgotten reference': [() => 'DELETE FROM operator_references', /not allowed/],
    'an edited statement': [
      () => `${statement(1, 300, 100)}; UPDATE statements SET total = 400`,
      /not allowed/,
    ],
    'an account that begins with money': [
      () => "INSERT INTO accounts (name, asset, balance) VALUES ('fleet:x', 'EUR/6', 5)",
      /must begin at 0/,
    ],
    'more money than amounts go': [
      () =>
        `INSERT INTO accounts (name, asset) VALUES ('fleet:x', 'EUR/6');
         INSERT INTO transactions VALUES (900, 1, 'deposit', 'EUR/6', 'x');
         INSERT INTO entries SELECT 900, id, CASE name WHEN 'external' THEN -1 ELSE 1 END * 2e19
           FROM accounts WHERE name IN ('external', 'fleet:x')`,
      /within_range/,
    ],
    'money that changes its asset': [
      () =>
        `INSERT INTO accounts (name, asset) VALUES ('fleet:x', 'USD/2');
         INSERT INTO transactions VALUES (900, 1, 'deposit', 'EUR/6', 'x');
         INSERT INTO entries SELECT 900, id, CASE name WHEN 'external' THEN -5 ELSE 5 END
           FROM accounts WHERE name IN ('external', 'fleet:x')`,
      /come to 0 \(1 of another asset\)/,
    ],
    'a claim paid without its channel': [
      () => "INSERT INTO transactions VALUES (900, 1, 'claim', 'EUR/6', 'x')",
      /transactions_check/,
    ],
    'another share for the gateway': [() => 'UPDATE allocations SET fee = fee + 1', /check/],
    'more paid than set aside': [
      () => 'UPDATE allocations SET paid = 2000, fee = floor(fee_basis_points * 0.2)',
      /allocations_check/,
    ],
    'evidence that nobody was paid for': [
      () => 'UPDATE allocations SET evidence_paid = evidence_paid + 1',
      /through the total/,
    ],
    'another statement in force without a sequence of its own': [
      () => `${statement(1, 300, 100)}; UPDATE allocations SET statement_root = ${other(4)}`,
      /sequence of statements rises/,
    ],
    'a channel paid more by evidence than at all': [
      () => 'UPDATE channels SET paid = paid + 1, paid_by_evidence = paid_by_evidence + 2',
      /paid twice/,
    ],
    'an allocation with too short a notice': [
      () =>
        `INSERT INTO allocations SELECT (jsonb_populate_record(a, jsonb_build_object(
           'id', ${word}, 'fleet', 'other', 'notice_seconds', 60))).* FROM allocations a`,
      /notice_seconds_check/,
    ],
    'a withdrawal completed early': [
      () => withdrawal('completed_at = 3999999, returned = 5'),
      /withdrawals_check/,
    ],
    'a withdrawal completed twice': [
      () =>
        `${withdrawal('completed_at = 4000000, returned = 5')};
         UPDATE withdrawals SET returned = 4`,
      /completed once/,
    ],
    'more money back than was asked': [
      () => withdrawal('completed_at = 4000000, returned = 6'),
      /withdrawals_check/,
    ],
    'a second ledger id': [() => `UPDATE identity SET ledger_id = ${word}`, /not allowed/],
  }
  for (const [name, [text, reason]] of Object.entries(stopped)) {
    it(`is stopped at ${name}`, async () => {
      await expect(as('tickpay_owner', text())).rejects.toThrow(reason)
      expect(await world.ledger.audit()).toEqual([])
    })
  }
})

describe('the other roles', () => {
  beforeEach(() => begin(open))

  it('an operator books money and claims nothing', async () => {
    await as('tickpay_operator', `SELECT fund(${id}, 5, 'bank-1')`)
    expect(await funded.state()).toMatchObject({ setAside: 1_005n })
    await expect(as('tickpay_operator', pay(1, channel, 150, 50))).rejects.toThrow(/permission/)
    await expect(as('tickpay_operator', 'UPDATE accounts SET balance = 5')).rejects.toThrow(
      /permission/,
    )
  })

  it('a reader reads', async () => {
    expect(await as('tickpay_read', 'SELECT count(*) FROM transfers')).toBeDefined()
    await expect(as('tickpay_read', `SELECT fund(${id}, 5, 'r')`)).rejects.toThrow(/permission/)
    await expect(as('tickpay_read', pay(1, channel, 150, 50))).rejects.toThrow(/permission/)
  })
})
