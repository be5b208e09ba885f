/**
 * Records a program in a terminal as an animated picture: `node scripts/recordTerminal.js` shows
 * `npm start -- --for 25s` and writes `docs/images/demo.svg`. Needs `script` (Debian: bsdutils).
 * @module
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createScreen } from './terminalScreen.js'
import { animatedSvg } from './terminalSvg.js'

const COLUMNS = 108
const ROWS = 30
/** Two pictures a second are enough for figures that move. */
const FRAME_MS = 500
/** Nobody watches a start for longer, however slow the machine. */
const STILL_MS = 1_000
/** How long the last picture stays before it begins again. */
const LAST_MS = 6_000
const shown = '$ npm start -- --for 25s\r\n'
const command = 'node dist/cli/main.js demo --for 25s'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = fileURLToPath(new URL('../docs/images/demo.svg', import.meta.url))

/** Runs the command in a terminal; resolves with what it wrote, and when. */
function record() {
  const inside = `stty cols ${COLUMNS} rows ${ROWS} -echo; ${command}`
  const env = { ...process.env, TERM: 'xterm-256color', NO_COLOR: '' }
  const child = spawn('script', ['-qfec', inside, '/dev/null'], {
    cwd: root,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const startMs = performance.now()
  const pieces = [{ atMs: 0, text: shown }]
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text) => pieces.push({ atMs: performance.now() - startMs, text }))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve(pieces)
      else reject(new Error(`the program ended with ${code}`))
    })
  })
}

/** The screen at each moment at which it had changed: `{ lines, forMs }`. */
function framesOf(pieces) {
  const screen = createScreen(COLUMNS, ROWS)
  const frames = []
  let place = 0
  const endMs = pieces.at(-1).atMs + FRAME_MS
  for (let atMs = 0; atMs <= endMs; atMs += FRAME_MS) {
    while (place < pieces.length && pieces[place].atMs <= atMs) screen.write(pieces[place++].text)
    const lines = screen.lines()
    const last = frames.at(-1)
    if (last && JSON.stringify(last.lines) === JSON.stringify(lines)) {
      last.forMs = Math.min(last.forMs + FRAME_MS, STILL_MS)
    } else frames.push({ lines, forMs: FRAME_MS })
  }
  frames.at(-1).forMs += LAST_MS
  return frames
}

const frames = framesOf(await record())
const svg = animatedSvg(frames, { columns: COLUMNS, rows: ROWS, title: 'npm start' })
writeFileSync(out, svg)
console.log(`${out}: ${frames.length} pictures, ${Math.round(svg.length / 1_024)} kB`)
