/**
 * `tickpay meter-sim`
 * @module
 */
import { basename, dirname } from 'node:path'
import { parseMeterSimConfig, parseSimCommand, simCommandHelp } from '../../firmware-sim/config.ts'
import { openLines } from '../../firmware-sim/io/lines.ts'
import { type MeterSim, startMeterSim } from '../../firmware-sim/simulator.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { defineCommand, text } from '../command.ts'
import { readLines } from '../io/readLines.ts'
import { readYaml } from '../io/readYaml.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'
import type { Terminal } from '../terminal.ts'

/** One line of help for each half of the list of faults. */
const faultLines = simCommandHelp.split(/, (?=clean)/).map((line) => `  ${line}`)

export const command = defineCommand({
  summary: 'Simulates a meter with its relay, on a serial line or over TCP',
  details: [
    'A microcontroller on the firmware link, or an Eastron SDM120 or SDM630 with a relay board on',
    'Modbus RTU. Its register survives in the state file. Faults can be typed while it runs:',
    ...faultLines,
    'Runs until SIGINT or SIGTERM.',
  ],
  arguments: {},
  options: {
    config: text('FILE', 'options as YAML; the command line wins'),
    name: text('NAME', 'its name (default: meter)'),
    kind: text('KIND', 'firmware-link, sdm120 or sdm630 (default: firmware-link)'),
    line: text('LINE', 'serial:///dev/...?baud=9600 or tcp-listen://host:port'),
    profile: text('NAME', 'ev, household, water, data or steady'),
    unit: text('UNIT', 'what a steady load consumes: Wh, mL, s or kB'),
    rate: text('NUMBER', 'units an hour of a steady load'),
    speed: text('FACTOR', 'how much faster than life, 1 to 3600 (default: 1)'),
    seed: text('NUMBER', 'draws the load (default: from the name)'),
    'start-hour': text('HOUR', 'time of day at which the load starts (default: 7)'),
    register: text('NUMBER', 'what the register shows first (default: 0)'),
    'counter-bits': text('BITS', '32 or 64 (default: 64)'),
    'unit-id': text('NUMBER', 'Modbus address of the meter (default: 1)'),
    'relay-unit-id': text('NUMBER', 'Modbus address of the relay board (default: 2)'),
    noise: text('SHARE', 'share of messages with a flipped bit'),
    lost: text('SHARE', 'share of messages that get lost'),
    split: text('SHARE', 'share of messages that arrive in pieces'),
    state: text('FILE', 'keeps the register over restarts'),
  },
  examples: ['tickpay meter-sim --kind sdm630 --line tcp-listen://127.0.0.1:4001 --state ev.json'],
  run: async ({ config, ...typed }, terminal) => {
    const fromFile = config === undefined ? {} : await readYaml(config)
    const { stateFile, ...parsed } = parseMeterSimConfig({ ...fromFile, ...fieldsOf(typed) })
    const ports = nodePorts(jsonLog('warn'))
    const disk = stateFile === undefined ? undefined : await nodeDisk(dirname(stateFile))
    const settings = { ...parsed, stateFile: stateFile && basename(stateFile) }
    return runUntilStopped(async () => {
      const sim = await startMeterSim(settings, ports, { openLines, disk })
      terminal.out(`meter ${settings.name} (${settings.kind}) is at ${sim.where()}`)
      takeCommands(sim, terminal)
      return sim
    })
  },
})

/** Names of options whose field of the configuration is called otherwise. */
const fieldNames: Readonly<Record<string, string>> = {
  rate: 'ratePerHour',
  'start-hour': 'startHour',
  register: 'initialRegister',
  'counter-bits': 'counterBits',
  'unit-id': 'unitId',
  'relay-unit-id': 'relayUnitId',
  state: 'stateFile',
}

function fieldsOf(typed: Readonly<Record<string, string | undefined>>) {
  const given = Object.entries(typed).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [fieldNames[name] ?? name, value]))
}

function takeCommands(sim: MeterSim, terminal: Terminal): void {
  readLines((line) => {
    if (line.trim() === '') return
    Promise.resolve()
      .then(() => sim.command(parseSimCommand(line)))
      .catch((error: unknown) =>
        terminal.error(error instanceof Error ? error.message : `${error}`),
      )
  })
}
