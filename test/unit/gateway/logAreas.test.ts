/** Levels by area: as configured, and as changed while a gateway runs. */
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { logAreas, logValue, portsOf, withLogVerbs } from '../../../gateway/logAreas.ts'
import { areaLog } from '../../../ports/io/log.ts'
import { nodePorts } from '../../../ports/io/node.ts'

function openLog(configured: unknown) {
  const lines: string[] = []
  const { log, control } = areaLog(v.parse(logValue, configured), {
    write: (line) => lines.push(line),
  })
  const ports = nodePorts(log)
  const say = () => {
    lines.length = 0
    portsOf(ports, 'broker').log('debug', 'a connection', { remote: 'x' })
    portsOf(ports, 'payments').log('info', 'a device')
    log('warn', 'of no area')
    return lines.map((line) => JSON.parse(line))
  }
  const call = withLogVerbs(async (verb) => `${verb} of the gateway`, control)
  return { say, call }
}

test('a line names its area; one level holds for all areas', () => {
  const { say } = openLog('info')
  expect(say()).toEqual([
    expect.objectContaining({ level: 'info', area: 'payments', message: 'a device' }),
    expect.not.objectContaining({ area: expect.anything() }),
  ])
})

test('an area with a level of its own is heard apart from the rest', () => {
  const { say } = openLog({ level: 'error', areas: { broker: 'debug' } })
  expect(say()).toEqual([expect.objectContaining({ area: 'broker', remote: 'x' })])
})

describe('while it runs', () => {
  test('one area is changed, then all of them', async () => {
    const { say, call } = openLog({ areas: { payments: 'error' } })
    expect(say()).toHaveLength(1)
    expect(await call('log_set', { area: 'broker', level: 'debug' })).toContainEqual({
      area: 'broker',
      level: 'debug',
      about: logAreas.broker,
    })
    expect(say()).toHaveLength(2)
    await call('log_set', { area: 'all', level: 'debug' })
    expect(say()).toHaveLength(3)
    await call('log_set', { area: 'all', level: 'error' })
    expect(say()).toEqual([])
    expect(await call('log', {})).toHaveLength(Object.keys(logAreas).length)
  })

  test('what there is not is refused, and other verbs go on to the gateway', async () => {
    const { call } = openLog('info')
    await expect(call('log_set', { area: 'nothing', level: 'debug' })).rejects.toThrow(
      'log_set: one of payments, broker',
    )
    await expect(call('log_set', { area: 'broker', level: 'loud' })).rejects.toThrow('debug, info')
    expect(await call('status', {})).toBe('status of the gateway')
    const alone = withLogVerbs(async () => undefined, undefined)
    await expect(alone('log', {})).rejects.toThrow('a log of its own')
  })
})

test.each([['loud'], [{ areas: { nothing: 'info' } }], [{ level: 'info', more: 1 }]])(
  '%o is not a configuration',
  (configured) => expect(v.safeParse(logValue, configured).success).toBe(false),
)
