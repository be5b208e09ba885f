/**
 * A simulated meter in a process of its own, so that it can be killed. Bundled on the fly, because
 * Node 20 runs no TypeScript.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

const program = `
import { nodeDisk } from './ports/io/disk.ts'
import { nodePorts } from './ports/io/node.ts'
import { openLines } from './firmware-sim/io/lines.ts'
import { parseMeterSimConfig } from './firmware-sim/config.ts'
import { startMeterSim } from './firmware-sim/simulator.ts'

const [folder, fields] = JSON.parse(process.env.METER)
const disk = await nodeDisk(folder)
const ports = nodePorts((level, message) => process.stderr.write(level + ' ' + message))
const sim = await startMeterSim(parseMeterSimConfig(fields), ports, { openLines, disk })
process.stdout.write(sim.where() + '\\n')
`

export type MeterProcess = {
  /** The source for an agent. */
  readonly where: string
  /** kill -9 */
  readonly kill: () => Promise<void>
}

/** Compiles the meter once; the result starts as many as wanted. */
export async function meterProgram(): Promise<
  (folder: string, fields: Readonly<Record<string, unknown>>) => Promise<MeterProcess>
> {
  const result = await build({
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
  })
  const code = result.outputFiles[0]?.text ?? ''
  return async (folder, fields) => {
    const env = { ...process.env, METER: JSON.stringify([folder, fields]) }
    const child = spawn(process.execPath, ['--input-type=module', '-'], { cwd: root, env })
    child.stdin.end(code)
    return { where: await firstLine(child), kill: () => killed(child) }
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    let complaint = ''
    child.stderr?.on('data', (chunk) => {
      complaint += String(chunk)
    })
    child.stdout?.once('data', (chunk) => done(String(chunk).trim()))
    child.once('exit', () => fail(new Error(`the meter ended: ${complaint}`)))
  })
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGKILL')
  await ended
}
