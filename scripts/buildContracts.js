/**
 * Compiles contracts/*.sol with the pinned compiler and writes what is checked in beside them:
 * `npm run -s build:contracts`. A test compares both, so a change of the source alone is seen.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const require = createRequire(import.meta.url)
const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Sources, and where what they compile to is checked in. */
export const artifacts = {
  'contracts/TickpayEscrow.sol': { TickpayEscrow: 'contracts/TickpayEscrow.json' },
  'contracts/DemoToken.sol': { DemoToken: 'contracts/DemoToken.json' },
  'contracts/HostileParties.sol': {
    TaxingToken: 'contracts/TaxingToken.json',
    ReenteringPayee: 'contracts/ReenteringPayee.json',
  },
}

/** The oldest rules that have transient storage; later chains run the same code. */
const settings = {
  evmVersion: 'cancun',
  viaIR: true,
  optimizer: { enabled: true, runs: 1_000_000 },
  metadata: { bytecodeHash: 'none' },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
}

/** A warning about what OpenZeppelin's guard does, and does right: it clears its slot. */
const TRANSIENT_STORAGE = '2394'

function readImport(path) {
  const file = path.startsWith('@') ? join(root, 'node_modules', path) : join(root, path)
  return { contents: readFileSync(file, 'utf8') }
}

/** Texts of the artifacts of one source, by their path. */
export function compile(file) {
  const solc = require('solc')
  const sources = { [file]: { content: readFileSync(join(root, file), 'utf8') } }
  const input = JSON.stringify({ language: 'Solidity', sources, settings })
  const output = JSON.parse(solc.compile(input, { import: readImport }))
  const problems = (output.errors ?? []).filter(({ errorCode }) => errorCode !== TRANSIENT_STORAGE)
  if (problems.length > 0) {
    throw new Error(problems.map(({ formattedMessage }) => formattedMessage).join('\n'))
  }
  return Object.entries(artifacts[file]).map(([name, path]) => {
    const { abi, evm } = output.contracts[file][name]
    const artifact = { abi, bytecode: `0x${evm.bytecode.object}` }
    return { path, text: `${JSON.stringify(artifact)}\n` }
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { path, text } of Object.keys(artifacts).flatMap(compile)) {
    writeFileSync(join(root, path), text)
    console.log(`${path}: ${Math.floor(JSON.parse(text).bytecode.length / 2) - 1} bytes of code`)
  }
}
