/** The doctor finds what is broken, says what to do, and finds nothing where nothing is. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lookAtMeter } from '../../../cli/doctor/agent.ts'
import { findingLines, looked } from '../../../cli/doctor/finding.ts'
import { lookAtDisk, lookAtPort, lookAtSecret } from '../../../cli/doctor/machine.ts'
import { exitCodes } from '../../../cli/exitCodes.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { freePort } from '../../support/freePort.ts'
import { createStoreSite, type StoreSite } from '../../support/storeSite.ts'

let site: StoreSite
beforeAll(async () => {
  site = await createStoreSite()
})
afterAll(() => site.remove())

const findingsSchema = v.array(
  v.object({ state: v.string(), check: v.string(), found: v.string(), advice: v.string() }),
)

async function examined() {
  const { code, data } = await site.ran('doctor')
  return { code, findings: v.parse(findingsSchema, data) }
}

describe('a gateway', () => {
  test('in order fails nowhere', async () => {
    site.configure()
    chmodSync(site.at('gate.key'), 0o600)
    const { code, findings } = await examined()
    expect(findings.filter(({ state }) => state === 'fail')).toEqual([])
    expect(code).toBe(exitCodes.ok)
    for (const check of ['clock', 'disk space', 'disk writes', 'key', 'ledger', 'port 0']) {
      expect(findings.map((one) => one.check)).toContain(check)
    }
  })

  test('whose key others may read, and whose port is taken, fails with what to do', async () => {
    const port = await freePort()
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
    site.configure(`http: { port: ${port} }`)
    chmodSync(site.at('gate.key'), 0o644)
    const { code, findings } = await examined()
    expect(code).toBe(exitCodes.unusable)
    const failed = findings.filter(({ state }) => state === 'fail')
    expect(failed).toContainEqual({
      state: 'fail',
      check: `file ${site.at('gate.key')}`,
      found: 'others may read it',
      advice: `chmod 600 ${site.at('gate.key')}`,
    })
    expect(failed).toContainEqual(
      expect.objectContaining({
        check: `port ${port}`,
        found: expect.stringContaining('EADDRINUSE'),
      }),
    )
    chmodSync(site.at('gate.key'), 0o600)
    other.close()
  })
})

test('a port of the running gateway on which nobody listens is a wrong configuration', async () => {
  const port = await freePort()
  expect(await lookAtPort('127.0.0.1', port, true)).toEqual([
    expect.objectContaining({ state: 'fail', advice: expect.stringContaining('restart') }),
  ])
  expect(await lookAtPort('127.0.0.1', port, false)).toEqual([
    expect.objectContaining({ state: 'ok' }),
  ])
})

test('a folder that will be made is measured where it will be', async () => {
  const findings = await lookAtDisk(site.at('not/yet/there'))
  expect(findings.map(({ check }) => check)).toEqual(['disk space', 'disk writes'])
  expect(findings[1]?.found).toMatch(/^a sync takes \d+\.\d ms/)
})

test('a secret that is not there is named', async () => {
  expect(await lookAtSecret(site.at('none'))).toEqual([
    expect.objectContaining({ state: 'fail', found: expect.stringContaining('ENOENT') }),
  ])
  expect(await lookAtSecret(undefined)).toEqual([])
})

describe('the line of a meter', () => {
  const source = (name: string) => `serial://${name}?baud=9600`

  test('that is not there, or that nobody serves, fails', async () => {
    expect(await lookAtMeter('main', source('/dev/serial/by-id/none'))).toEqual([
      expect.objectContaining({ state: 'fail', advice: expect.stringContaining('tickpay detect') }),
    ])
    expect(await lookAtMeter('main', `tcp://127.0.0.1:${await freePort()}`)).toEqual([
      expect.objectContaining({ state: 'fail', check: 'meter main' }),
    ])
  })

  test('that may be used is in order', async () => {
    mkdirSync(site.at('by-id'), { recursive: true })
    writeFileSync(site.at('line'), '')
    symlinkSync(site.at('line'), site.at('by-id/meter'))
    expect(await lookAtMeter('main', source(site.at('by-id/meter')))).toEqual([
      expect.objectContaining({ state: 'ok' }),
    ])
  })
})

test('what a look cannot finish is a finding; a bug is none', async () => {
  const refused = () => Promise.reject(new OperatorError('no such database: make it'))
  expect(await looked('ledger', refused)).toEqual([
    { state: 'fail', check: 'ledger', found: 'no such database', advice: 'make it' },
  ])
  await expect(looked('ledger', () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug')
  expect(findingLines(await looked('ledger', refused))).toEqual([
    'fail  ledger  no such database: make it',
  ])
})
