/**
 * `tickpay meter read`
 * @module
 */
import { meterDefaults, meterKinds } from '../../agent/meters/drivers.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes, UnreachableError, UsageError } from '../exitCodes.ts'
import { jsonText } from '../jsonLine.ts'
import { dataLines } from '../show.ts'

export const command = defineCommand({
  summary: 'Reads a meter once and leaves its relay as it is',
  details: ['The line must be free: stop the agent that reads this meter first.'],
  arguments: { source: argument('serial:///dev/...?baud=9600 or tcp://host:port') },
  options: {
    kind: text('KIND', `${meterKinds.join(', ')} (default: firmware-link)`),
    'unit-id': text('NUMBER', 'Modbus address (default: 1)'),
    ...jsonOption,
  },
  examples: ['tickpay meter read serial:///dev/ttyUSB0?baud=9600 --kind sdm630'],
  run: async ({ source, kind: kindName = 'firmware-link', json, ...options }, terminal) => {
    const kind = meterKinds.find((one) => one === kindName)
    if (kind === undefined) {
      throw new UsageError(`unknown kind "${kindName}"; there are ${meterKinds.join(', ')}`)
    }
    const unitId = Number(options['unit-id'] ?? meterDefaults[kind].unitId)
    if (!Number.isInteger(unitId) || unitId < 1 || unitId > 247) {
      throw new UsageError('--unit-id is a Modbus address from 1 to 247')
    }
    const [{ readMeterOnce }, { openSerial }, { nodePorts }] = await Promise.all([
      import('../../agent/meters/detect.ts'),
      import('../../agent/io/serial.ts'),
      import('../../ports/io/node.ts'),
    ])
    const { timeoutMs, relayUnitId } = meterDefaults[kind]
    const world = { ports: nodePorts(() => {}), openSerial }
    const reading = await readMeterOnce(
      { source, kind, timeoutMs, unitId, relayUnitId },
      world,
    ).catch((error: unknown) => {
      const isSilent = error instanceof Error && error.message.includes('does not answer')
      throw isSilent ? new UnreachableError(error.message) : error
    })
    if (json) terminal.out(jsonText(reading))
    else for (const line of dataLines(JSON.parse(jsonText(reading)))) terminal.out(line)
    return exitCodes.ok
  },
})
