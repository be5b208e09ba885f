import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSerial } from '../../agent/io/serial.ts'
import { readMeterOnce } from '../../agent/meters/detect.ts'
import { meterDefaults } from '../../agent/meters/drivers.ts'
import { defaultReaderRules } from '../../agent/meters/reader.ts'
import { type MeterReading, startMeter } from '../../agent/meters/supervisor.ts'
import type { MeterKind } from '../../agent/meters/types.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { meterProgram } from '../support/meterProcess.ts'
import { until } from '../support/until.ts'

const ports = nodePorts(() => undefined)
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-meter-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Milliseconds after which the meter is killed: before, during and between its answers. */
const killAfterMs = [120, 61, 233, 97, 155]

test.each(['firmware-link', 'sdm630'] as const)(
  '%s, killed under supply again and again: its register is never below what was reported',
  async (kind: MeterKind) => {
    const start = await meterProgram()
    const fields = { kind, profile: 'steady', ratePerHour: 3_600_000, stateFile: 'meter.json' }
    let meter = await start(folder, { ...fields, line: 'tcp-listen://127.0.0.1:0' })
    const { where } = meter
    const line = where.replace('tcp:', 'tcp-listen:')

    const readings: MeterReading[] = []
    const link = startMeter(
      {
        ...meterDefaults[kind],
        pollMs: 10,
        kind,
        source: where,
        rules: { ...defaultReaderRules, unitsPerSecondMax: 5_000n },
      },
      {
        ports,
        openSerial,
        saved: undefined,
        save: async () => undefined,
        onEvent: (event) => event.state === 'reading' && readings.push(event),
      },
    )
    link.supplyOnUntil(10_000_000n)
    const units = () => readings.at(-1)?.units ?? 0n
    for (const afterMs of killAfterMs) {
      const before = units()
      await until('supply', () => units() > before)
      await new Promise((done) => setTimeout(done, afterMs))
      await meter.kill()
      const kept = JSON.parse(readFileSync(join(folder, 'meter.json'), 'utf8'))
      expect(BigInt(kept.supplied)).toBeGreaterThanOrEqual(units())
      meter = await start(folder, { ...fields, line })
    }
    const before = units()
    await until('supply', () => units() > before)
    await link.close()
    const config = { ...meterDefaults[kind], kind, source: where }
    const reading = await readMeterOnce(config, { ports, openSerial })
    // Counted once and never set back: the units are the register itself.
    expect(readings.every((one) => one.note === undefined || one.note === 'first')).toBe(true)
    expect(reading.register).toBeGreaterThanOrEqual(units())
    expect(reading.relayClosed).toBe(false)
    await meter.kill()
  },
)
