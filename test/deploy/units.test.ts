/**
 * The systemd units, judged by systemd's own tools.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { projectRoot } from '../support/tidyFiles.ts'

const folder = join(projectRoot, 'deploy/systemd')
const units = readdirSync(folder).filter((name) => name.endsWith('.service'))
const exposureMax = 2

const isAbsent = spawnSync('systemd-analyze', ['--version']).error !== undefined
if (isAbsent) process.stderr.write('SKIPPED: systemd-analyze is not installed\n')

const here = mkdtempSync(join(tmpdir(), 'tickpay-units-'))
afterAll(() => rmSync(here, { recursive: true, force: true }))

/** A copy whose program exists on every machine: the tool refuses one that is not installed. */
function withProgram(text: string): string {
  return text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true')
}

function verify(name: string, text: string) {
  const path = join(here, name)
  writeFileSync(path, text)
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
  return { status, complaints: stderr.split('\n').filter((line) => line.includes(name)) }
}

function exposureOf(name: string, text: string): number {
  const path = join(here, name)
  writeFileSync(path, text)
  const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', path], {
    encoding: 'utf8',
  })
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])
}

describe.skipIf(isAbsent).each(units)('%s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8')

  test('has no mistake', () => {
    expect(verify(name, withProgram(text))).toEqual({ status: 0, complaints: [] })
    const wrong = verify(name, withProgram(text).replace('PrivateTmp=yes', 'PrivateTmp=perhaps'))
    expect(wrong.complaints).not.toEqual([])
  })

  test('exposes little', () => {
    expect(exposureOf(name, text)).toBeLessThanOrEqual(exposureMax)
    expect(exposureOf(name, text.replace(/^(Private|Protect|Restrict).*$/gm, ''))).toBeGreaterThan(
      exposureMax,
    )
  })
})

describe.each(units)('%s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8')

  test('takes its secrets as credentials, runs as nobody else, and is watched', () => {
    for (const line of ['DynamicUser=yes', 'Type=notify', 'NotifyAccess=all', 'WatchdogSec=60']) {
      expect(text).toContain(`\n${line}\n`)
    }
    expect(text).toContain('\nRestart=always\n')
    expect(text).toContain('\nLimitNOFILE=65536\n')
    expect(text).toContain('\nLoadCredential=passphrase:/etc/tickpay/')
  })

  test('opens devices only for the agent', () => {
    const devices = text.match(/^DeviceAllow=.*$/gm) ?? []
    expect(devices.length > 0).toBe(name === 'tickpay-agent.service')
    expect(text.includes('\nSupplementaryGroups=dialout\n')).toBe(devices.length > 0)
    expect(text).toContain('\nDevicePolicy=closed\n')
  })
})
