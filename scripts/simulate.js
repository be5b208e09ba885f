/**
 * `npm run simulate -- --seeds 500`: simulated days of a whole site, each from one seed;
 * docs/simulation.md explains the options. With `--mutants [NAME]` bugs are planted in the product
 * one by one, and a table says by which invariant each is caught.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bundleSimulation } from './simulationBundle.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const main = 'test/simulation/main.ts'
/** How long one mutant may stay undetected. */
const mutantMs = 240_000

/** One thread, and room for what a seed leaves behind: helpers cost a third more CPU. */
const collection = ['--single-threaded-gc', '--max-semi-space-size=64']

function runNode(program, args, options) {
  const command = ['--enable-source-maps', ...collection, program, ...args]
  return spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8', ...options })
}

/** The invariant and the seed by which a mutant is caught; undefined when it is not. */
async function hunt(mutant, seeds) {
  const program = await bundleSimulation(main, `mutant-${process.pid}`, mutant)
  const { from = 1, seeds: first = [] } = mutant
  const endMs = Date.now() + mutantMs
  for (const [seed, count] of [...first.map((one) => [one, 1]), [from, seeds]]) {
    const caught = huntIn(program, seed, count, Math.max(1, endMs - Date.now()))
    if (caught !== undefined) return caught
  }
  return undefined
}

function huntIn(program, seed, count, timeout) {
  const args = ['--seed', `${seed}`, '--seeds', `${count}`, '--json']
  const { stdout, stderr, error } = runNode(program, args, { timeout })
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
  for (const line of lines.map((text) => JSON.parse(text))) {
    const [first] = line.violations
    if (first) return `${first.invariant} (seed ${line.seed})`
  }
  if (error) return undefined
  // A program that ends by itself before its last seed was stopped by an assertion of its own.
  return lines.length < count ? `ends: ${stderr.trim().split('\n').at(-1)}` : undefined
}

async function runMutants(name, seeds) {
  const list = await bundleSimulation('test/simulation/mutants.ts', 'mutants')
  const { mutants } = await import(list)
  let escaped = 0
  for (const mutant of mutants.filter((one) => name === undefined || one.name.startsWith(name))) {
    const caught = await hunt(mutant, seeds)
    if (caught === undefined) escaped += 1
    const verdict = caught === undefined ? 'ESCAPED' : caught
    process.stdout.write(`| ${mutant.name} | ${mutant.rule} | ${verdict} |\n`)
  }
  process.stdout.write(`${escaped} escaped\n`)
  return escaped === 0 ? 0 : 1
}

const args = process.argv.slice(2)
const place = args.indexOf('--mutants')
if (place < 0) {
  const program = await bundleSimulation(main, 'simulate')
  const { status } = runNode(program, args, { stdio: 'inherit' })
  process.exitCode = status ?? 1
} else {
  const seedsAt = args.indexOf('--seeds')
  const seeds = seedsAt < 0 ? 500 : Number(args[seedsAt + 1])
  const name = args[place + 1]?.startsWith('--') ? undefined : args[place + 1]
  process.exitCode = await runMutants(name, seeds)
}
