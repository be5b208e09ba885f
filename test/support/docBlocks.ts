/**
 * Runs the command blocks of a document in order, in one shell and a fresh folder, as a reader
 * would.
 * @module
 */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { projectRoot } from './tidyFiles.ts'

export type BlockRun = {
  readonly exitCode: number | null
  /** Standard output of each block, in order; shorter than the document when one failed. */
  readonly outputs: readonly string[]
  readonly errors: string
  /** What the programs in the background wrote into `*.log` and `*.out`. */
  readonly logs: string
}

/**
 * The ```sh blocks of a document below the project: those without a word behind `sh`, or those with
 * this one.
 */
export function shellBlocks(path: string, label = ''): readonly string[] {
  const text = readFileSync(join(projectRoot, path), 'utf8')
  return [...text.matchAll(/^```sh *(\S*)\n([\s\S]*?)^```$/gm)]
    .filter(([, word]) => word === label)
    .map(([, , block = '']) => block)
}

const marker = '==== end of block'

export type BlockOptions = {
  /** Where they run; a fresh folder otherwise. */
  readonly cwd?: string
  /** What somebody does before the next block, who has seen the output of this one. */
  readonly afterBlock?: (block: string, output: string) => Promise<void>
}

/** Runs `blocks`; stops at the first command that fails. Everything it started is ended. */
export async function runBlocks(
  blocks: readonly string[],
  timeoutMs: number,
  options: BlockOptions = {},
): Promise<BlockRun> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-doc-'))
  try {
    return await runIn(folder, blocks, timeoutMs, options)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runIn(
  folder: string,
  blocks: readonly string[],
  timeoutMs: number,
  { cwd, afterBlock = async () => {} }: BlockOptions,
): Promise<BlockRun> {
  const path = `${installProgram(folder)}:${process.env['PATH']}`
  const work = cwd ?? join(folder, 'work')
  mkdirSync(work, { recursive: true })
  const script = blocks.map((block) => `${block}\necho '${marker}'\nread -r _ <&3\n`).join('')
  // Not on the command line, where a block that looks for programs by name would find itself.
  const file = join(folder, 'blocks.sh')
  writeFileSync(file, script)
  const shell = spawn('bash', ['-euo', 'pipefail', file], {
    cwd: work,
    env: { ...process.env, PATH: path },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const said = { out: '', error: '' }
  const next = shell.stdio[3] as Writable
  // The shell may have ended meanwhile.
  next.on('error', () => {})
  let ended = 0
  let trouble: unknown
  const goOn = async (output: string) => {
    await afterBlock(blocks[ended - 1] ?? '', output)
    next.write('\n')
  }
  shell.stdout?.on('data', (chunk) => {
    said.out += String(chunk)
    const outputs = said.out.split(`${marker}\n`)
    if (outputs.length - 1 <= ended) return
    ended += 1
    goOn(outputs[ended - 1] ?? '').catch((error: unknown) => {
      trouble = error
      endGroup()
    })
  })
  shell.stderr?.on('data', (chunk) => {
    said.error += String(chunk)
  })
  const endGroup = () => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
    } catch {
      // Nothing of the group is left.
    }
  }
  const timer = setTimeout(endGroup, timeoutMs)
  const exitCode = await new Promise<number | null>((resolve) => shell.once('exit', resolve))
  clearTimeout(timer)
  endGroup()
  if (trouble !== undefined) throw trouble
  const outputs = said.out.split(`${marker}\n`).map((text) => text.trim())
  const logs = readLogs(work)
  return { exitCode, outputs: outputs.slice(0, blocks.length), errors: said.error, logs }
}

function readLogs(folder: string): string {
  return readdirSync(folder)
    .filter((name) => /\.(log|out)$/.test(name))
    .map((name) => `${name}:\n${readFileSync(join(folder, name), 'utf8')}`)
    .join('\n')
}

/** A folder for PATH with the built program in it. */
function installProgram(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const program = join(bin, 'tickpay')
  const main = join(projectRoot, 'dist', 'cli', 'main.js')
  writeFileSync(program, `#!/bin/sh\nexec node ${JSON.stringify(main)} "$@"\n`)
  chmodSync(program, 0o755)
  return bin
}
