/** What was settled as CSV and as camt.053: to the last minor unit, as docs/exports.md shows. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LedgerEntry } from '../../../cli/answers.ts'
import { camt053Of } from '../../../cli/settlements/camt053.ts'
import { accountStatement, csvOf, payeeAccounts } from '../../../cli/settlements/movements.ts'
import { feeOf } from '../../../ledger/rules/accounting.ts'
import { present } from '../../../protocol/assert.ts'

const page = readFileSync(new URL('../../../docs/exports.md', import.meta.url), 'utf8')
const blockOf = (language: string) =>
  present(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1], 'a block')

const payee = `payee:0x${'5a'.repeat(20)}`
const allocation = `allocation:${'c4'.repeat(32)}`
const asset = 'EUR/6'
const january = { fromSeconds: 1_767_225_600, toSeconds: 1_769_904_000 }
const at = (day: number, seconds = 0) => january.fromSeconds + (day - 1) * 86_400 + seconds

function entry(change: Partial<LedgerEntry>): LedgerEntry {
  const usual = { debit: allocation, credit: payee, asset, channel: '', timeSeconds: at(1) }
  return { ...usual, number: 1, amount: '0', reference: 'r', ...change }
}
const key = '9f86d081884c7d659a2feaa0c55ad015'
const sample: readonly LedgerEntry[] = [
  entry({ number: 3, timeSeconds: at(0), amount: '250000', reference: 'before' }),
  entry({
    number: 7,
    timeSeconds: at(2, 3_600),
    amount: '2000',
    reference: key,
    channel: 'ab'.repeat(32),
  }),
  entry({
    number: 8,
    timeSeconds: at(2, 3_600),
    debit: payee,
    credit: 'fee:depot',
    amount: '20',
    reference: key,
  }),
  entry({ number: 9, timeSeconds: at(3), amount: '1234560', reference: 'statement-1' }),
  entry({
    number: 10,
    timeSeconds: at(9),
    debit: payee,
    credit: 'external',
    amount: '1000000',
    reference: 'payout-1',
  }),
  entry({ number: 11, timeSeconds: at(9), asset: 'USD/2', amount: '5', reference: 'other' }),
  entry({ number: 12, timeSeconds: at(32), amount: '77', reference: 'after' }),
]
const statement = accountStatement(sample, payee, asset, january)

type Element = { readonly name: string; readonly text: string; readonly inner: Element[] }

/** Reads elements with text or elements in them; anything else is an error. */
function readXml(text: string): Element {
  const stack: Element[] = [{ name: '', text: '', inner: [] }]
  let rest = text.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  expect(rest).not.toBe(text)
  while (rest !== '') {
    const leaf = /^\s*<(\w+)((?: \w+="[^"<&]*")*)>([^<>]*)<\/\1>\n?/.exec(rest)
    const open = /^\s*<(\w+)((?: \w+="[^"<&]*")*)>\n/.exec(rest)
    const close = /^\s*<\/(\w+)>\n?/.exec(rest)
    const top = present(stack.at(-1), 'an element')
    const [whole] = present(leaf ?? open ?? close ?? undefined, `well formed: ${rest.slice(0, 60)}`)
    if (leaf) top.inner.push({ name: present(leaf[1], 'name'), text: leaf[3] ?? '', inner: [] })
    else if (open) {
      const one = { name: present(open[1], 'name'), text: '', inner: [] }
      top.inner.push(one)
      stack.push(one)
    } else expect(stack.pop()?.name).toBe(close?.[1])
    rest = rest.slice(whole.length)
  }
  expect(stack).toHaveLength(1)
  return present(stack[0]?.inner[0], 'a root')
}

/** What each element of camt.053.001.08 that is used here may hold, in the schema's order. */
const order: Readonly<Record<string, readonly string[]>> = {
  Document: ['BkToCstmrStmt'],
  BkToCstmrStmt: ['GrpHdr', 'Stmt'],
  GrpHdr: ['MsgId', 'CreDtTm'],
  Stmt: ['Id', 'CreDtTm', 'FrToDt', 'Acct', 'Bal', 'Ntry'],
  FrToDt: ['FrDtTm', 'ToDtTm'],
  Acct: ['Id', 'Ccy', 'Nm'],
  Othr: ['Id', 'SchmeNm'],
  SchmeNm: ['Prtry'],
  Bal: ['Tp', 'Amt', 'CdtDbtInd', 'Dt'],
  Tp: ['CdOrPrtry'],
  CdOrPrtry: ['Cd'],
  Dt: ['DtTm'],
  Ntry: ['NtryRef', 'Amt', 'CdtDbtInd', 'Sts', 'BookgDt', 'ValDt', 'BkTxCd', 'NtryDtls'],
  Sts: ['Cd'],
  BookgDt: ['DtTm'],
  ValDt: ['DtTm'],
  BkTxCd: ['Domn'],
  Domn: ['Cd', 'Fmly'],
  Fmly: ['Cd', 'SubFmlyCd'],
  NtryDtls: ['TxDtls'],
  TxDtls: ['Refs', 'Amt', 'CdtDbtInd', 'RmtInf'],
  Refs: ['AcctSvcrRef', 'EndToEndId'],
  RmtInf: ['Ustrd'],
}
const lengths: Readonly<Record<string, number>> = {
  ...{ MsgId: 35, NtryRef: 35, EndToEndId: 35, AcctSvcrRef: 35, Nm: 70, Ustrd: 140 },
}

function expectStructure({ name, text, inner }: Element, parent = ''): void {
  const allowed = name === 'Id' && parent === 'Acct' ? ['Othr'] : (order[name] ?? [])
  const places = inner.map((one) => allowed.indexOf(one.name))
  expect(places, name).not.toContain(-1)
  expect(places, name).toEqual([...places].sort((a, b) => a - b))
  const needed = allowed.filter((one) => one !== 'Ntry')
  expect(
    needed.every((one) => inner.some((child) => child.name === one)),
    name,
  ).toBe(true)
  expect(text.length, name).toBeLessThanOrEqual(lengths[name] ?? 1_000)
  if (name.endsWith('Tm')) expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  for (const one of inner) expectStructure(one, name)
}

const textAt = (element: Element, ...path: readonly string[]): string => {
  const [name, ...rest] = path
  if (name === undefined) return element.text
  return textAt(
    present(
      element.inner.find((one) => one.name === name),
      name,
    ),
    ...rest,
  )
}
const stmtOf = (lines: readonly string[]) => {
  const root = readXml(`${lines.join('\n')}\n`)
  expectStructure(root)
  return present(root.inner[0]?.inner[1], 'a statement')
}
/** Minor units, of which there are a million, of what is written with five places. */
const signed = (element: Element) => {
  const text = textAt(element, 'Amt')
  expect(text).toMatch(/^\d+\.\d{5}$/)
  const size = BigInt(text.replace('.', '')) * 10n
  return textAt(element, 'CdtDbtInd') === 'DBIT' ? -size : size
}

describe('settlements', () => {
  test('as camt.053 are the documented sample, and in the order of the schema', () => {
    const lines = camt053Of(statement, at(33))
    expect(`${lines.join('\n')}\n`).toBe(blockOf('xml'))
    const stmt = stmtOf(lines)
    const entries = stmt.inner.filter(({ name }) => name === 'Ntry')
    expect(entries.map(signed)).toEqual([2_000n, -20n, 1_234_560n, -1_000_000n])
    expect(entries.map((one) => textAt(one, 'BookgDt', 'DtTm'))[0]).toBe('2026-01-02T01:00:00Z')
    expect(entries.map((one) => textAt(one, 'NtryDtls', 'TxDtls', 'Refs', 'EndToEndId'))).toEqual([
      ...[key, key, 'statement-1', 'payout-1'],
    ])
  })

  test('as CSV are the documented sample, with one line for each movement', () => {
    expect(`${csvOf(statement).join('\n')}\n`).toBe(blockOf('csv'))
  })

  test('opening balance and movements come to the closing balance, whatever was booked', () => {
    const moves = fc.array(
      fc.record({
        amount: fc.bigInt({ min: 1n, max: 10n ** 16n }).map((tens) => 10n * tens),
        day: fc.integer({ min: 0, max: 33 }),
        isOut: fc.boolean(),
      }),
      { maxLength: 20 },
    )
    fc.assert(
      fc.property(moves, (all) => {
        const entries = all.map(({ amount, day, isOut }, number) =>
          entry({
            ...{ number, amount: `${amount}`, timeSeconds: at(day) },
            ...(isOut ? { debit: payee, credit: 'external' } : {}),
          }),
        )
        const stmt = stmtOf(camt053Of(accountStatement(entries, payee, asset, january), at(40)))
        const [opening, closing] = stmt.inner.filter(({ name }) => name === 'Bal').map(signed)
        const moved = stmt.inner.filter(({ name }) => name === 'Ntry').map(signed)
        expect(moved.reduce((sum, one) => sum + one, opening ?? 0n)).toBe(closing)
      }),
      { numRuns: 50 },
    )
  })

  test('the fee is its share of the cumulative total, to the last minor unit', () => {
    const payments = fc.array(fc.bigInt({ min: 1n, max: 1_000_000n }), {
      minLength: 1,
      maxLength: 30,
    })
    fc.assert(
      fc.property(payments, fc.integer({ min: 0, max: 10_000 }), (amounts, basisPoints) => {
        let total = 0n
        let charged = 0n
        const entries = amounts.flatMap((amount, number) => {
          total += amount
          const fee = feeOf(total, basisPoints) - charged
          charged += fee
          const one = entry({ number: 2 * number, amount: `${amount}`, timeSeconds: at(2) })
          const share = { debit: payee, credit: 'fee:depot', amount: `${fee}` }
          return [one, entry({ ...share, number: 2 * number + 1, timeSeconds: at(2) })]
        })
        const { movements, closing } = accountStatement(entries, payee, asset, january)
        const fees = movements.filter(({ kind }) => kind === 'fee')
        const sum = fees.reduce((all, { amount }) => all - amount, 0n)
        expect(sum).toBe((total * BigInt(basisPoints)) / 10_000n)
        expect(closing).toBe(total - sum)
      }),
      { numRuns: 100 },
    )
  })

  test.each([
    ['a movement', [entry({ amount: '21' })], '0.000021 EUR'],
    ['a balance', [entry({ amount: '3', timeSeconds: at(0) })], '0.000003 EUR'],
    ['a large one', [entry({ amount: `${10n ** 19n}` })], '10000000000000.000000 EUR'],
  ])('are refused as camt.053 where %s has no room, never rounded', (_, entries, amount) => {
    const account = accountStatement(entries, payee, asset, january)
    expect(() => camt053Of(account, 0)).toThrow(`${amount} exceeds: use --format csv`)
    expect(csvOf(account)).toHaveLength(1 + account.movements.length)
  })

  test('in an asset of fewer decimals have those of the asset', () => {
    const dollars = accountStatement(sample, payee, 'USD/2', january)
    const [, moved] = stmtOf(camt053Of(dollars, 0)).inner.filter(({ name }) => name === 'Ntry')
    expect(moved).toBeUndefined()
    expect(camt053Of(dollars, 0).join('')).toContain('<Amt Ccy="USD">0.05</Amt>')
  })

  test('of a payee are found by account and asset, and other assets are not currencies', () => {
    expect(payeeAccounts(sample)).toEqual([`${payee} EUR/6`, `${payee} USD/2`])
    const points = accountStatement(sample, payee, 'POINTS/0', january)
    expect(() => camt053Of(points, 0)).toThrow('three letters')
  })
})
