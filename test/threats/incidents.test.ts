/**
 * What docs/security.md tells operators to type when something happened is run here, in the order
 * of the page, on a real store.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../cli/run.ts'
import { createStoreSite, names, type StoreSite } from '../support/storeSite.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { projectRoot } from '../support/tidyFiles.ts'

const page = readFileSync(join(projectRoot, 'docs/security.md'), 'utf8')
const chapter = page.split('## When something happened\n')[1]?.split('\n## ')[0] ?? ''
const told = [...chapter.matchAll(/`tickpay ([^`]+)`/g)].map(([, text = '']) => text)

const device = ['--fleet', names.fleet, '--device', names.device]
const all = ['--fleet', names.fleet, '--all']

let site: StoreSite
let channel = ''

beforeAll(async () => {
  site = await createStoreSite()
  await site.enrol()
  const { data } = await site.ran('channels', 'list')
  channel = JSON.stringify(data).match(/"channelId":"(?:0x)?([0-9a-f]{64})"/)?.[1] ?? ''
})
afterAll(() => site.remove())

async function supply(): Promise<string> {
  const { data } = await site.ran('channels', 'list')
  return JSON.stringify(data)
}

async function works(...words: string[]) {
  const { code, error } = await site.ran(...words)
  expect(code, `${words.join(' ')}: ${error.join(' ')}`).toBe(0)
}

describe('incidents as commands', () => {
  test('T70: a device, a fleet and a gateway are frozen and go on', async () => {
    expect(await supply()).not.toContain('paused')
    for (const target of [device, all, ['--all']]) {
      await works('pause', ...target)
      expect(await supply(), target.join(' ')).toContain('paused')
      await works('resume', ...target)
      expect(await supply(), target.join(' ')).not.toContain('paused')
    }
  })

  test('what is kept before anything is changed, and what proves an amount', async () => {
    await works('backup', site.at('backup'))
    await works('export', 'claims', site.at('claims'))
    await works('ledger', 'entries')
    await works('settle')
    await works('store', 'verify')
    await works('journal', 'verify')
    const terminal = testTerminal()
    const evidence = ['evidence', 'export', site.at('evidence'), '--channel', channel]
    const code = await run([...evidence, '--config', site.at('gateway.yaml')], terminal)
    expect(code, terminal.errorLines.join(' ')).toBe(0)
  })

  test('T20: a device that was stolen is ended for good', async () => {
    await works('device', 'revoke', `${names.fleet}/${names.device}`)
    expect(await supply()).not.toContain('"state":"open"')
  })

  test('the page tells how to freeze all three', () => {
    expect(told).toContain('pause --fleet acme --device ev-1')
    expect(told).toContain('pause --fleet acme --all')
    expect(told).toContain('pause --all')
    expect(told.length).toBeGreaterThan(20)
  })
})
