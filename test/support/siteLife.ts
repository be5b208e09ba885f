/**
 * What tests with real programs share: a program that is bundled before them and gone after them,
 * sites that go with it, and the device that most of them use.
 * @module
 */
import { afterAll, beforeAll } from 'vitest'
import { present } from '../../protocol/assert.ts'
import { bundleProgram, type Program } from './siteProgram.ts'
import { type RealDevice, type RealSite, realSite } from './siteReal.ts'

export const waterMeter: RealDevice = {
  device: 'water-meter',
  kind: 'firmware-link',
  line: 'tcp',
  unit: 'mL',
  unitsPerTick: 100n,
  pricePerTick: 400n,
  creditTicks: 24,
  pollMs: 100,
  unitsPerSecond: 1_500,
  initialRegister: 88_017n,
}

export type SiteLife = {
  readonly program: () => Program
  /** A site of its own, in place of the one before. */
  readonly start: (devices: readonly RealDevice[]) => Promise<RealSite>
}

/** Call it where tests are described. */
export function siteLife(): SiteLife {
  let program: Program | undefined
  let site: RealSite | undefined
  beforeAll(async () => {
    program = await bundleProgram()
  })
  afterAll(async () => {
    await site?.remove()
    await program?.remove()
  })
  const bundled = () => present(program, 'a program, once tests run')
  return {
    program: bundled,
    start: async (devices) => {
      await site?.remove()
      site = await realSite(bundled(), devices)
      return site
    },
  }
}
