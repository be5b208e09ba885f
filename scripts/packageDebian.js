/**
 * Makes the Debian packages `tickpay` and `tickpay-agent`, which carry their own Node and need
 * nothing but Debian's C and C++ libraries: `npm run package -- --arch amd64` (or arm64).
 * Everything that is not of this project comes from deploy/debian/package-lock.json.
 * @module
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleAgent } from './buildAgent.js'
import { bundleProgram } from './bundleProgram.js'
import { readArguments } from './readArguments.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** What npm calls an architecture, by what Debian calls it. */
const npmNames = { amd64: 'x64', arm64: 'arm64' }

/** Code finds contracts and pages three folders above itself. */
const programFolder = 'usr/lib/tickpay/program/tickpay/main'

const packages = {
  tickpay: {
    config: 'gateway.yaml',
    units: ['tickpay-gateway.service', 'tickpay-fleet.service'],
    summary: description,
    details: ' Gateway, fleet service, agent and all commands in one program.',
    fill: fillProgram,
  },
  'tickpay-agent': {
    config: 'agent.yaml',
    units: ['tickpay-agent.service'],
    summary: 'Pays for what a device consumes, while it consumes it',
    details: ' The agent alone, for the computer beside the meter.',
    fill: fillAgent,
  },
}

async function fillProgram(stage, native) {
  await bundleProgram(join(stage, programFolder))
  copy(join(root, 'contracts'), join(stage, 'usr/lib/tickpay/contracts'), /\.json$/)
  const pages = join(root, 'dist/dashboard')
  if (existsSync(pages)) cpSync(pages, join(stage, 'usr/lib/tickpay/dist/dashboard'), recursive)
  cpSync(join(native, 'node_modules'), join(stage, 'usr/lib/tickpay/node_modules'), recursive)
  command(stage, 'tickpay', '/usr/lib/tickpay/program/tickpay/main/main.mjs')
}

async function fillAgent(stage, native) {
  await bundleAgent(join(stage, 'usr/lib/tickpay-agent/tickpay-agent.mjs'))
  const modules = 'usr/lib/tickpay-agent/node_modules'
  for (const name of ['@serialport', 'node-gyp-build', 'debug', 'ms']) {
    cpSync(join(native, 'node_modules', name), join(stage, modules, name), recursive)
  }
  command(stage, 'tickpay-agent', '/usr/lib/tickpay-agent/tickpay-agent.mjs')
}

const recursive = { recursive: true }

function copy(from, to, pattern) {
  mkdirSync(to, recursive)
  for (const name of readdirSync(from)) {
    if (pattern.test(name)) cpSync(join(from, name), join(to, name))
  }
}

/**
 * What people and units start; Node takes its place, so signals reach it. Node 24 keeps up to
 * 128 MB for young objects by itself; 32 are what Node 20 keeps, as everything was measured.
 */
function command(stage, name, file) {
  mkdirSync(join(stage, 'usr/bin'), recursive)
  const node = `/usr/lib/${name}/bin/node --max-semi-space-size=16`
  const text = `#!/bin/sh\nexec ${node} ${file} "$@"\n`
  writeFileSync(join(stage, 'usr/bin', name), text, { mode: 0o755 })
}

/** Node and native code for `arch`, as the lock has them, without what other machines need. */
function fetchNative(arch, folder) {
  mkdirSync(folder)
  copy(join(root, 'deploy/debian'), folder, /^package(-lock)?\.json$/)
  const cpu = npmNames[arch]
  const place = ['--os=linux', `--cpu=${cpu}`, '--libc=glibc']
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', ...place], folder)
  const modules = join(folder, 'node_modules')
  const nodePackage = join(modules, `node-linux-${cpu}`)
  const node = { file: join(folder, 'node'), license: join(folder, 'node.LICENSE') }
  renameSync(join(nodePackage, 'bin/node'), node.file)
  renameSync(join(nodePackage, 'LICENSE'), node.license)
  rmSync(nodePackage, recursive)
  prune(modules, cpu)
  return node
}

function prune(modules, cpu) {
  const prebuilds = join(modules, '@serialport/bindings-cpp/prebuilds')
  for (const name of readdirSync(prebuilds)) {
    if (name !== `linux-${cpu}`) rmSync(join(prebuilds, name), recursive)
  }
  const sources = ['@serialport/bindings-cpp/src', 'lmdb/dependencies', 'lmdb/src', 'lmdb/bin']
  for (const path of [...sources, 'lmdb/node_modules', 'node-addon-api', '.bin']) {
    rmSync(join(modules, path), { recursive: true, force: true })
  }
  const files = readdirSync(modules, { recursive: true, encoding: 'utf8' })
  for (const path of files) {
    const isOther = /\.musl\.node$|\.abi\d+\.|\.d\.[cm]?ts$|\.map$/.test(path)
    if (isOther) rmSync(join(modules, path), { force: true })
  }
}

async function makePackage(name, arch, work, node) {
  const stage = join(work, name)
  const { config, units, fill } = packages[name]
  const place = join(stage, 'usr/lib', name)
  mkdirSync(join(place, 'bin'), recursive)
  await fill(stage, join(work, 'native'))
  cpSync(node.file, join(place, 'bin/node'))
  const shared = join(stage, 'usr/share/doc', name)
  mkdirSync(join(shared, 'docs'), recursive)
  cpSync(node.license, join(shared, 'node.LICENSE'))
  cpSync(join(root, 'LICENSE'), join(shared, 'copyright'))
  copy(join(root, 'docs'), join(shared, 'docs'), /\.md$/)
  for (const unit of units)
    install(`deploy/systemd/${unit}`, stage, `usr/lib/systemd/system/${unit}`)
  install(`deploy/debian/${config}`, stage, `etc/tickpay/${config}`)
  writeControl(name, arch, stage)
  run('chmod', ['-R', 'u+rwX,go+rX,go-w', stage], work)
  return build(name, arch, stage)
}

function install(from, stage, to) {
  mkdirSync(join(stage, to, '..'), recursive)
  cpSync(join(root, from), join(stage, to))
}

function writeControl(name, arch, stage) {
  const { config, summary, details, units } = packages[name]
  const kilobytes = Math.ceil(sizeOf(stage) / 1_024)
  const control = join(stage, 'DEBIAN')
  mkdirSync(control)
  const fields = {
    Package: name,
    Version: version,
    Architecture: arch,
    Maintainer: 'Tickpay <tickpay@localhost>',
    'Installed-Size': kilobytes,
    Depends: 'libc6 (>= 2.28), libstdc++6, libgcc-s1',
    Recommends: 'systemd, ca-certificates',
    Section: 'net',
    Priority: 'optional',
    Description: `${summary}\n${details}\n It carries its own Node.`,
  }
  const lines = Object.entries(fields).map(([key, value]) => `${key}: ${value}\n`)
  writeFileSync(join(control, 'control'), lines.join(''))
  writeFileSync(join(control, 'conffiles'), `/etc/tickpay/${config}\n`)
  for (const script of ['postinst', 'prerm', 'postrm']) {
    const text = readFileSync(join(root, 'deploy/debian', script), 'utf8')
    const filled = text.replaceAll('@UNITS@', units.join(' '))
    writeFileSync(join(control, script), filled, { mode: 0o755 })
  }
}

function sizeOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return files
    .filter((one) => one.isFile())
    .reduce((sum, one) => sum + statSync(join(one.parentPath, one.name)).size, 0)
}

function build(name, arch, stage) {
  mkdirSync(join(root, 'dist'), recursive)
  const file = join(root, 'dist', `${name}_${version}_${arch}.deb`)
  run('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z9', '--build', stage, file], root)
  return `${file}: ${megabytes(statSync(file).size)} MB, installed ${megabytes(sizeOf(stage))} MB`
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1)
}

function run(program, words, cwd) {
  execFileSync(program, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}

const { arch } = readArguments('usage: npm run package -- [--arch amd64 | --arch arm64]', () => {
  const { values } = parseArgs({ options: { arch: { type: 'string', default: 'amd64' } } })
  return Object.hasOwn(npmNames, values.arch) ? values : undefined
})
const work = mkdtempSync(join(tmpdir(), 'tickpay-package-'))
try {
  const node = fetchNative(arch, join(work, 'native'))
  for (const name of Object.keys(packages)) {
    console.log(await makePackage(name, arch, work, node))
  }
} finally {
  rmSync(work, recursive)
}
