/**
 * What measurements and tests start gateways with is what packages and units start them with.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packagedEnvironment, packagedFlags } from '../../bench/packaged.ts'
import { projectRoot } from '../support/tidyFiles.ts'

const textOf = (path: string) => readFileSync(join(projectRoot, path), 'utf8')

test('the command of a package has the flags', () => {
  expect(textOf('scripts/packageDebian.js')).toContain(`/bin/node ${packagedFlags.join(' ')}\``)
})

test('the unit of the gateway has the environment', () => {
  const lines = textOf('deploy/systemd/tickpay-gateway.service').split('\n')
  for (const [name, value] of Object.entries(packagedEnvironment)) {
    expect(lines).toContain(`Environment=${name}=${value}`)
  }
})
