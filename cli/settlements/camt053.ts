/**
 * A payee's account as a bank's statement: camt.053.001.08 of ISO 20022, which accounting programs
 * read. Elements stand in the order of the standard's schema.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import type { AccountStatement, Movement } from './movements.ts'
import { isoTime, plainAmount } from './movements.ts'

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'
/** Lengths that the standard allows. */
const ID_CHARS_MAX = 34
const REFERENCE_CHARS_MAX = 35
const INFORMATION_CHARS_MAX = 140
/** Of an amount: digits in all, and behind the point. */
const DIGITS_MAX = 18
const DECIMALS_MAX = 5

type Node = readonly [name: string, content: string | readonly Node[], attributes?: string]

/**
 * The lines of the file. `createdAtSeconds` is when it is made.
 * @throws OperatorError for an asset that is no currency of three letters, and for an amount that
 * the standard's schema has no room for: nothing is ever rounded
 */
export function camt053Of(statement: AccountStatement, createdAtSeconds: number): string[] {
  const { account, asset, fromSeconds, toSeconds } = statement
  if (!/^[A-Z]{3}$/.test(asset.code)) {
    throw new OperatorError(
      `camt.053 knows currencies of three letters, not ${asset.code}: use --format csv`,
    )
  }
  const address = account.slice('payee:'.length).replace(/^0x/, '')
  const created = isoTime(createdAtSeconds)
  const id = `${address.slice(0, 8)}-${fromSeconds}-${toSeconds}`
  const root: Node = [
    'BkToCstmrStmt',
    [
      ['GrpHdr', [node('MsgId', `TP-${id}`), node('CreDtTm', created)]],
      [
        'Stmt',
        [
          node('Id', id),
          node('CreDtTm', created),
          ['FrToDt', [node('FrDtTm', isoTime(fromSeconds)), node('ToDtTm', isoTime(toSeconds))]],
          accountNode(account, address, asset.code),
          balance('OPBD', statement.opening, fromSeconds, statement),
          balance('CLBD', statement.closing, toSeconds, statement),
          ...statement.movements.map((one) => entry(one, statement)),
        ],
      ],
    ],
  ]
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    ...linesOf(['Document', [root], ` xmlns="${NAMESPACE}"`], ''),
  ]
}

const node = (name: string, content: string): Node => [name, content]

function accountNode(account: string, address: string, code: string): Node {
  const scheme: Node = ['SchmeNm', [node('Prtry', 'TICKPAY')]]
  const other: Node = ['Othr', [node('Id', address.slice(0, ID_CHARS_MAX)), scheme]]
  return ['Acct', [['Id', [other]], node('Ccy', code), node('Nm', account)]]
}

function amountNodes(amount: bigint, { asset }: AccountStatement): Node[] {
  return [
    ['Amt', exactAmount(amount, asset), ` Ccy="${asset.code}"`],
    node('CdtDbtInd', amount < 0n ? 'DBIT' : 'CRDT'),
  ]
}

/** With all decimals of the asset, or with five where the others are 0. */
function exactAmount(amount: bigint, asset: AccountStatement['asset']): string {
  const scale = Math.min(asset.scale, DECIMALS_MAX)
  const divisor = 10n ** BigInt(asset.scale - scale)
  const shown = amount / divisor
  const digits = shown.toString().replace('-', '').length
  if (shown * divisor === amount && digits <= DIGITS_MAX) {
    return plainAmount(shown, { code: asset.code, scale })
  }
  throw new OperatorError(
    `camt.053 has room for ${DIGITS_MAX} digits, ${DECIMALS_MAX} of them behind the point, which ` +
      `${plainAmount(amount, asset)} ${asset.code} exceeds: use --format csv, which has all`,
  )
}

function balance(code: string, amount: bigint, seconds: number, of: AccountStatement): Node {
  const type: Node = ['Tp', [['CdOrPrtry', [node('Cd', code)]]]]
  return ['Bal', [type, ...amountNodes(amount, of), ['Dt', [node('DtTm', isoTime(seconds))]]]]
}

/** Families and their members in the standard's list of transaction codes. */
const families = { settlement: 'RCDT', fee: 'MDOP', payout: 'ICDT', other: 'NTAV' } as const
const members = { settlement: 'ESCT', fee: 'CHRG', payout: 'ESCT', other: 'NTAV' } as const

function entry(one: Movement, of: AccountStatement): Node {
  const time = isoTime(one.timeSeconds)
  const family: Node = [
    'Fmly',
    [node('Cd', families[one.kind]), node('SubFmlyCd', members[one.kind])],
  ]
  const references: Node = [
    'Refs',
    [
      node('AcctSvcrRef', String(one.number)),
      node('EndToEndId', one.reference.slice(0, REFERENCE_CHARS_MAX)),
    ],
  ]
  const about = [one.kind, one.counterparty, one.channel].filter((text) => text !== '').join(' ')
  const remittance: Node = ['RmtInf', [node('Ustrd', about.slice(0, INFORMATION_CHARS_MAX))]]
  const details: Node = ['TxDtls', [references, ...amountNodes(one.amount, of), remittance]]
  return [
    'Ntry',
    [
      node('NtryRef', String(one.number)),
      ...amountNodes(one.amount, of),
      ['Sts', [node('Cd', 'BOOK')]],
      ['BookgDt', [node('DtTm', time)]],
      ['ValDt', [node('DtTm', time)]],
      ['BkTxCd', [['Domn', [node('Cd', 'PMNT'), family]]]],
      ['NtryDtls', [details]],
    ],
  ]
}

function linesOf([name, content, attributes = '']: Node, indent: string): string[] {
  if (typeof content === 'string') {
    return [`${indent}<${name}${attributes}>${escaped(content)}</${name}>`]
  }
  const inner = content.flatMap((one) => linesOf(one, `${indent} `))
  return [`${indent}<${name}${attributes}>`, ...inner, `${indent}</${name}>`]
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
