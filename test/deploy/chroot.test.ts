/**
 * The Debian packages of both architectures, made and then installed and run in a minimal Debian by
 * `deploy/chroot-test.sh`, as a person would by hand.
 */
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../support/tidyFiles.ts'

const run = promisify(execFile)
const PACKAGE_TIMEOUT_MS = 180_000
const CHROOT_TIMEOUT_MS = 420_000

const programs = ['debootstrap', 'dpkg-deb', 'qemu-aarch64-static']
const isMissing = (program: string) => spawnSync(program, ['--version']).error !== undefined
const missing = [
  ...(process.getuid?.() === 0 ? [] : ['root']),
  ...programs.filter((program) => isMissing(program)),
]
if (missing.length > 0) process.stderr.write(`SKIPPED: ${missing.join(', ')} missing\n`)

describe.skipIf(missing.length > 0)('in a minimal Debian', () => {
  test.each(['amd64', 'arm64'])(
    'packages of %s are made',
    async (arch) => {
      const { stdout } = await run('node', ['scripts/packageDebian.js', '--arch', arch], {
        cwd: projectRoot,
      })
      expect(stdout).toMatch(new RegExp(`tickpay_[^ ]*_${arch}\\.deb: [\\d.]+ MB`))
      expect(stdout).toMatch(new RegExp(`tickpay-agent_[^ ]*_${arch}\\.deb: [\\d.]+ MB`))
    },
    PACKAGE_TIMEOUT_MS,
  )

  test(
    'those of amd64 run, pay and are removed again; the agent of arm64 runs',
    async () => {
      const { stdout } = await run('deploy/chroot-test.sh', { cwd: projectRoot })
      expect(stdout).toContain('the books of meters, agents, gateway and ledger agree')
      expect(stdout).toMatch(/passed in \d+ s; amd64: both packages; arm64: the agent\n$/)
    },
    CHROOT_TIMEOUT_MS,
  )
})
