/** docs/protocol.md is normative: its tables and numbers are held to the program, word by word. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as limits from '../../../protocol/limits.ts'
import { mandateReasons } from '../../../protocol/mandateRules.ts'
import {
  commitmentReasons,
  connectReasons,
  supplyLevels,
  supplyReasons,
  tickReasons,
} from '../../../protocol/reasons.ts'
import {
  allocationStructure,
  channelStructure,
  closeStructure,
  commandStructure,
  commitmentStructure,
  connectStructure,
  mandateStructure,
  receiptRootStructure,
  receiptStructure,
  rotateStructure,
  statementStructure,
  tariffStructure,
  timeStructure,
} from '../../../protocol/structures.ts'
import { downNames, gatewayNames, upNames } from '../../../protocol/topics.ts'
import { vectorFiles } from '../../support/makeVectors.ts'

const root = new URL('../../../', import.meta.url)
const text = readFileSync(new URL('docs/protocol.md', root), 'utf8')
const glossary = readFileSync(new URL('docs/glossary.md', root), 'utf8')

/** The part below the heading that begins with `number`, up to the next heading. */
function section(number: string): string {
  const begin = text.search(new RegExp(`^##+ ${number.replace('.', '\\.')}[. ]`, 'm'))
  expect(begin, `section ${number}`).toBeGreaterThan(0)
  const after = text.slice(begin + 3)
  const end = after.search(/^##/m)
  return end < 0 ? after : after.slice(0, end)
}

/** The cells of the rows of all tables in `part`. */
function rows(part: string): readonly (readonly string[])[] {
  return part
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[-|]+\|$/.test(line))
    .map((line) =>
      line
        .replaceAll('\\|', '/')
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

const word = (cell: string | undefined) => /^`(.*)`$/.exec(cell ?? '')?.[1]

describe('docs/protocol.md', () => {
  test('the checks on a tick: reasons, order and classes', () => {
    const told = rows(section('8.2')).flatMap(([, , answer, kind]) => {
      const reason = word(answer)
      return reason ? [[reason, kind]] : []
    })
    expect(told).toEqual(Object.entries(tickReasons))
  })

  test('the checks on a commitment: reasons, order and classes', () => {
    const told = rows(section('9.1')).flatMap(([, , answer, kind]) => {
      const reason = word(answer)
      return reason ? [[reason, kind]] : []
    })
    expect(told).toEqual(Object.entries(commitmentReasons))
  })

  test('the checks on mandates and logins, in order', () => {
    const inOrder = (part: string, names: readonly string[]) => {
      const places = names.map((name) => part.indexOf(`\`${name}\``))
      expect(Math.min(...places), names.join()).toBeGreaterThanOrEqual(0)
      expect([...places].sort((a, b) => a - b)).toEqual(places)
    }
    inOrder(section('10'), mandateReasons.slice(1))
    inOrder(section('13'), connectReasons.slice(0, -1))
  })

  test('supply levels and reasons with their numbers', () => {
    const [levelHeader, ...others] = rows(section('11'))
    expect(levelHeader?.[0]).toBe('level')
    const levels = others.slice(0, supplyLevels.length).map(([number, name]) => [number, name])
    expect(levels).toEqual(supplyLevels.map((name, number) => [String(number), name]))
    const [numbers, names] = others.slice(supplyLevels.length)
    expect(numbers).toEqual(supplyReasons.map((_, number) => String(number)))
    expect(names).toEqual([...supplyReasons])
  })

  test('structures: names, fields, types and order', () => {
    const structures = [
      connectStructure,
      timeStructure,
      allocationStructure,
      channelStructure,
      mandateStructure,
      tariffStructure,
      commitmentStructure,
      statementStructure,
      receiptStructure,
      receiptRootStructure,
      closeStructure,
      commandStructure,
      rotateStructure,
    ]
    const told = rows(section('6'))
      .slice(1)
      .map(
        ([name, fields]) =>
          `${name}(${fields?.replaceAll(/ \([sn]\)/g, '').replaceAll(', ', ',')})`,
      )
    const made = structures.map(
      ({ type }) =>
        `${type.name}(${type.fields.map((one) => `${one.type} ${one.name}`).join(',')})`,
    )
    expect(told).toEqual(made)
  })

  test('structures: which integers are below 2^53', () => {
    const structures = { Mandate: mandateStructure, Tariff: tariffStructure }
    for (const [name, { fields }] of Object.entries(structures)) {
      const row = rows(section('6')).find(([cell]) => cell === name)?.[1] ?? ''
      const marked = [...row.matchAll(/(\w+) \([sn]\)/g)].map(([, field]) => field)
      const narrow = Object.entries(fields).filter(([, kind]) => /^(seconds|count)$/.test(kind))
      expect(marked).toEqual(narrow.map(([field]) => field))
    }
  })

  test('topics', () => {
    const part = section('12')
    expect(part).toContain(`up/{${upNames.join(',')}}`)
    expect(part).toContain(`down/{${downNames.join(',')}}`)
    expect(part).toContain(`{gateway}/{${gatewayNames.join(',')}}`)
  })

  test('limits', () => {
    const told = Object.fromEntries(rows(section('15')))
    const number = (value: number) => value.toLocaleString('en-GB')
    const expected: readonly (readonly [string, ...number[]])[] = [
      ['ticks per epoch', limits.EPOCH_LENGTH_TICKS_MAX],
      ['jump', limits.JUMP_TICKS_MAX],
      ['hash budget of a channel', limits.HASH_BUDGET_PER_SECOND, limits.HASH_BUDGET_BURST],
      ['renewal', limits.RENEWAL_AT_PERCENT],
      ['credit window', limits.CREDIT_TICKS_DEFAULT, limits.CREDIT_TICKS_MAX],
      ['ticks in one message', limits.TICKS_PER_MESSAGE_MAX],
      ['MQTT packet of a device', limits.PACKET_BYTES_MAX, limits.FLEET_PACKET_BYTES_MAX],
      ['CBOR nesting', limits.CBOR_DEPTH_MAX],
      ['topic', limits.TOPIC_BYTES_MAX, limits.TOPIC_LEVELS_MAX],
      ['last will', limits.WILL_BYTES_MAX],
      ['CONNECT', limits.CONNECT_DEADLINE_MS / 1_000],
      ['keep alive', limits.KEEPALIVE_SECONDS_MIN, limits.KEEPALIVE_SECONDS_MAX],
      ['unacknowledged QoS 1 messages of a client', limits.IN_FLIGHT_MAX],
      ['messages of a device', limits.MESSAGES_PER_SECOND, limits.MESSAGES_BURST],
      ['clock tolerance', limits.CLOCK_TOLERANCE_SECONDS],
      ['strikes', limits.STRIKES_MAX, limits.STRIKE_WINDOW_SECONDS],
      ['ack timeout', limits.ACK_TIMEOUT_MS / 1_000],
      ['channels of a device', limits.CHANNELS_PER_DEVICE_DEFAULT, limits.CHANNELS_PER_DEVICE_MAX],
      ['tariffs in a welcome', limits.TARIFFS_MAX],
      ['fee', 0, limits.FEE_BASIS_POINTS_MAX],
    ]
    for (const [name, ...values] of expected) {
      const numbers = told[name]?.replaceAll('QoS 1', '').match(/\d[\d,]*/g) ?? []
      expect(numbers, name).toEqual(values.map(number))
    }
  })

  test('every test it names exists', () => {
    const named = [...text.matchAll(/`(test\/[^`]+\.test\.ts)`: "([^"]+)"/g)]
    expect(named.length).toBeGreaterThanOrEqual(20)
    for (const [, file = '', title = ''] of named) {
      expect(existsSync(new URL(file, root)), file).toBe(true)
      const source = readFileSync(new URL(file, root), 'utf8')
      const quoted = source.includes(`'${title}'`) || source.includes(`"${title}"`)
      expect(quoted, `${file}: ${title}`).toBe(true)
    }
  })

  test('every document it names exists', () => {
    for (const [, file = ''] of text.matchAll(/`(docs\/[\w-]+\.md)`/g)) {
      expect(existsSync(new URL(file, root)), file).toBe(true)
    }
  })

  test('every vector file is listed', () => {
    const listed = rows(section('16')).flatMap(([file]) => word(file) ?? [])
    expect(listed.filter((file) => file.endsWith('.json')).sort()).toEqual(
      Object.keys(vectorFiles).sort(),
    )
  })
})

describe('docs/glossary.md', () => {
  const words = `payer payee device agent meter register reading fleet gateway operator ledger
    channel
    slot position epoch root word tick jump commitment renewal checkpoint tariff mandate allocation
    exposure supply receipt statement claim evidence fence life index mark strike enrolment domain`
  test.each([...words.split(/\s+/), 'fleet manager', 'owner key', 'signer key', 'credit window'])(
    'defines: %s',
    (one) => {
      expect(glossary.toLowerCase()).toMatch(new RegExp(`[*]+${one}[*]+`))
    },
  )
})
