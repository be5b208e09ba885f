/**
 * `tickpay detect`
 * @module
 */
import type { Finding } from '../../agent/meters/detect.ts'
import { defineCommand, jsonOption, list } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { jsonText } from '../jsonLine.ts'
import { left, right, tableLines } from '../table.ts'

export const command = defineCommand({
  summary: 'Finds the meters that are connected to this machine',
  details: [
    'Tries every serial port, by its stable name where it has one, with each kind of meter at its',
    'usual rates. Meters that an agent is reading now are busy and not found.',
    'Exit code 3 when no meter is found.',
  ],
  arguments: {},
  options: {
    port: list('PORT', 'a port or a source instead of all ports'),
    ...jsonOption,
  },
  examples: [
    'tickpay detect',
    'tickpay detect --port /dev/ttyUSB0',
    'tickpay detect --port tcp://10.0.0.7:4001',
  ],
  run: async ({ port, json }, terminal) => {
    const [{ detectMeters }, { listSerialPorts, openSerial }, { nodePorts }] = await Promise.all([
      import('../../agent/meters/detect.ts'),
      import('../../agent/io/serial.ts'),
      import('../../ports/io/node.ts'),
    ])
    const places = port.length > 0 ? port : (await listSerialPorts()).map(({ path }) => path)
    const { findings, problems } = await detectMeters(places, {
      ports: nodePorts(() => {}),
      openSerial,
      onProgress: (source, kind) => {
        if (!json && terminal.isScreen) terminal.error(`trying ${source} as ${kind}`)
      },
    })
    for (const problem of problems) terminal.error(problem)
    if (places.length === 0) terminal.error('this machine has no serial port')
    if (json) terminal.out(jsonText({ findings, problems }))
    else for (const line of findingLines(findings)) terminal.out(line)
    return findings.length > 0 ? exitCodes.ok : exitCodes.unreachable
  },
})

const columns = [
  left('source'),
  left('kind'),
  right('unit id'),
  right('relay unit id'),
  left('number'),
  right('register'),
]

function findingLines(findings: readonly Finding[]): readonly string[] {
  if (findings.length === 0) return ['no meter found']
  return tableLines(
    columns,
    findings.map((one) => [
      one.source,
      one.kind,
      `${one.unitId}`,
      one.relayUnitId === undefined ? '-' : `${one.relayUnitId}`,
      one.meterNumber ?? '-',
      `${one.register} ${one.unit ?? ''}`.trimEnd(),
    ]),
  )
}
