/**
 * `tickpay store verify`
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { GatewaySettings } from '../../gateway/config.ts'
import type { StoreVerdict } from '../../gateway/io/verifyStore.ts'
import { defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { makeBackup } from '../io/backUp.ts'
import { connectControl } from '../io/controlClient.ts'
import { configPath, controlSocketOf, readGatewayConfig } from '../io/gatewayCalls.ts'
import { withProgress } from '../io/progress.ts'
import { jsonText } from '../jsonLine.ts'
import { stayingLines } from '../progress.ts'

export const command = defineCommand({
  summary: 'Scrubs a store: every record, every sum, and that they tell the same',
  details: [
    'The chain and checksum of every journal record, every snapshot, every value of the databases;',
    'that the state is the fold of the journal; that channels, mandates and commitments belong',
    'together; that every account of the ledger adds up. Of a running gateway a consistent copy is',
    'checked, which takes as much space beside its data folder for a while. Exit code 1 when',
    'something is wrong.',
  ],
  arguments: {},
  options: { config: text('FILE', 'configuration (default: gateway.yaml)'), ...jsonOption },
  examples: ['tickpay store verify --config gateway.yaml'],
  run: async ({ config, json }, terminal) => {
    const settings = await readGatewayConfig(configPath(config))
    const verdict = await withProgress('the store is checked', (progress) =>
      verifyAnywhere(settings, stayingLines(progress, terminal.error)),
    )
    const { findings, position, head, records, channels, values } = verdict
    if (json) terminal.out(jsonText({ sound: findings.length === 0, ...verdict }))
    else {
      for (const { part, problem } of findings) terminal.out(`wrong: ${part}: ${problem}`)
      terminal.out(`${records} records, ${channels} channels and ${values} values were checked`)
      terminal.out(`head ${position}:${head}`)
    }
    return findings.length === 0 ? exitCodes.ok : exitCodes.failed
  },
})

type Note = (line: string) => void

async function verifyAnywhere(settings: GatewaySettings, note: Note) {
  const running = await connectControl(controlSocketOf(settings))
  if (!running) return verify(settings, note)
  const folder = await mkdtemp(`${resolve(settings.data)}-verify-`)
  try {
    note('the gateway is running: a copy of its store is checked')
    const file = join(folder, 'copy')
    await makeBackup(running, { target: file, keyFile: undefined })
    const [{ restoreBackup }, ports] = await Promise.all([
      import('../../gateway/io/restore.ts'),
      quietPorts(),
    ])
    const copy = { ...settings, data: join(folder, 'data') }
    await restoreBackup(copy, file, undefined, ports)
    return await verify(copy, note)
  } finally {
    await running.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function verify(settings: GatewaySettings, note: Note): Promise<StoreVerdict> {
  const { verifyStore } = await import('../../gateway/io/verifyStore.ts')
  return verifyStore(settings, await quietPorts(), note)
}

async function quietPorts() {
  const [{ jsonLog }, { nodePorts }] = await Promise.all([
    import('../../ports/io/log.ts'),
    import('../../ports/io/node.ts'),
  ])
  return nodePorts(jsonLog('warn'))
}
