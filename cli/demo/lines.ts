/**
 * The serial lines of the demo: pseudo terminals where socat is there, serial over TCP elsewhere.
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { OperatorError } from '../../ports/operatorError.ts'

export type LineKind = 'pty' | 'tcp'

/** One line with two ends. Over TCP the agent's end is known when the meter listens. */
export type Line = {
  readonly meterEnd: string
  readonly agentEnd: string | undefined
  readonly close: () => void
}

/** socat ends when this program does, however it ends: its end closes the pipe to the shell. */
const watchedSocat = 'socat "$1" "$2" & read -r _; kill $!'

const linkWaitMs = 5_000
const linkCheckMs = 20

/** Whether pseudo terminals can be had. */
export function lineKind(): Promise<LineKind> {
  return new Promise((resolve) => {
    const probe = spawn('socat', ['-V'], { stdio: 'ignore' })
    probe.once('error', () => resolve('tcp'))
    probe.once('exit', (code) => resolve(code === 0 ? 'pty' : 'tcp'))
  })
}

/** Opens a line below `folder`. */
export async function openLine(kind: LineKind, folder: string, baudRate: number): Promise<Line> {
  if (kind === 'tcp') {
    return { meterEnd: 'tcp-listen://127.0.0.1:0', agentEnd: undefined, close: () => {} }
  }
  const meterLink = `${folder}/meter-line`
  const agentLink = `${folder}/agent-line`
  const ends = [meterLink, agentLink].map((link) => `pty,rawer,link=${link}`)
  const shell = spawn('sh', ['-c', watchedSocat, 'sh', ...ends], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const close = () => void shell.stdin.end()
  const failed = new Promise<never>((_resolve, reject) => {
    shell.once('error', () => reject(new OperatorError('there is no shell to start socat with')))
  })
  await Promise.race([appear([meterLink, agentLink]), failed])
  return {
    meterEnd: sourceOf(meterLink, baudRate),
    agentEnd: sourceOf(agentLink, baudRate),
    close,
  }
}

function sourceOf(path: string, baudRate: number): string {
  return `serial://${encodeURI(path)}?baud=${baudRate}`
}

async function appear(paths: readonly string[]): Promise<void> {
  const deadline = performance.now() + linkWaitMs
  while (!paths.every((path) => existsSync(path))) {
    if (performance.now() > deadline) throw new OperatorError('socat opens no pseudo terminals')
    await new Promise((resolve) => setTimeout(resolve, linkCheckMs))
  }
}
