/** The gateway is dead, the fleet asks its money back, and a watcher settles on a real node. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run } from '../../cli/run.ts'
import { escrowScene } from '../evm/scene.ts'
import { hasAnvil } from '../evm/world.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { DAY_SECONDS, START_SECONDS } from '../unit/ledger/world.ts'
import { openWatcher, ownerCommands, testFolder, writeClaims } from './scene.ts'

/** Accounts 0, 1 and 3 of anvil's published mnemonic: the fleet's owner, the payee, and another. */
const OWNER_KEY = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const PAYEE_KEY = '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
const OTHER_KEY = '7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'

const { node, escrow, pass } = escrowScene()
const folder = testFolder()

function settings(key = OTHER_KEY) {
  const keyFile = join(folder(), 'watcher.key')
  writeFileSync(keyFile, `${key}\n`, { mode: 0o600 })
  const { address, payee } = escrow()
  return {
    payee: payee.slice(2),
    ledger: {
      ...{ kind: 'evm', rpc: node().rpcUrl, contract: address, keyFile },
      ...{ confirmations: 1, pollMs: 50 },
    },
  }
}

async function claimOf(index: number) {
  const one = escrow().device(1)
  const claimUntil = START_SECONDS + 30 * DAY_SECONDS
  const mandate = one.signMandate({ claimUntil }, escrow().signer)
  return one.commit().claim(index, { mandate })
}

describe.runIf(hasAnvil)('with a key of its own', () => {
  // T17
  test('T17 settles before the notice ends, and the payee has the money', async () => {
    const { owner, payee, stranger, terms, run: send, tokens, state } = escrow()
    await send(payee, 'nameSubmitter', [stranger, true])
    const watcher = await openWatcher(settings(), [await claimOf(70)])
    const before = await tokens(payee)
    expect(await watcher.look('due')).toMatchObject({ shown: [], open: 700n })
    const { setAside } = await state()
    await send(owner, 'requestWithdrawal', [terms, setAside])
    const leavesAt = Number((await state())['withdrawableAt'])
    watcher.passTo(leavesAt - 3 * DAY_SECONDS - 1)
    expect((await watcher.look('due')).shown).toEqual([])
    await pass(leavesAt - 3 * DAY_SECONDS - START_SECONDS)
    watcher.passTo(leavesAt - 3 * DAY_SECONDS)
    const { shown } = await watcher.look('due')
    expect(shown).toMatchObject([{ reason: 'withdrawal', result: { status: 'paid', paid: 700n } }])
    expect((await watcher.look('due')).shown).toEqual([])
    await watcher.close()
    // The payee has its part, less the gateway's fee of 1 %, before anything left.
    expect((await tokens(payee)) - before).toBe(693n * 10n)
    await pass(3 * DAY_SECONDS)
    await send(owner, 'withdraw', [terms])
    expect(await state()).toMatchObject({ setAside: 700n, paid: 700n })
    expect(watcher.lines).toContain('warn money was asked back; evidence is shown in time')
  })

  test('T17 pays the difference where somebody settled an older state', async () => {
    const { payee, stranger, run: send, claim, state } = escrow()
    await send(payee, 'nameSubmitter', [stranger, true])
    const watcher = await openWatcher(settings(), [await claimOf(70)])
    await watcher.look('due')
    await claim([await claimOf(40)])
    await watcher.look('due')
    await pass(DAY_SECONDS)
    watcher.passTo(START_SECONDS + DAY_SECONDS)
    const { shown } = await watcher.look('due')
    expect(shown).toMatchObject([{ reason: 'stale_settlement', result: { paid: 300n } }])
    expect(await state()).toMatchObject({ paid: 700n })
    await watcher.close()
  })
})

describe.runIf(hasAnvil)('a watcher does not start', () => {
  async function watching(key: string, changes: object = {}, domain = escrow().domain) {
    const claims = writeClaims(folder(), domain, [await claimOf(70)])
    const path = join(folder(), 'watch.yaml')
    writeFileSync(path, JSON.stringify({ ...settings(key), claims, ...changes }))
    const terminal = testTerminal()
    const code = await run(['watch', '--config', path, '--once'], terminal)
    return { code, line: terminal.errorLines.join('\n') }
  }

  test('with the key of the payee', async () => {
    const { code, line } = await watching(PAYEE_KEY)
    expect(code).toBe(4)
    expect(line).toMatch(/this is the key of the payee itself/)
  })

  test('with a key that the payee did not name', async () => {
    const { code, line } = await watching(OTHER_KEY)
    expect(code).toBe(4)
    expect(line).toContain(`let the payee call nameSubmitter(${escrow().stranger.toLowerCase()}`)
  })

  test('without a payee, or on an embedded ledger', async () => {
    expect((await watching(OTHER_KEY, { payee: undefined })).line).toMatch(/name the payee/)
    const { code, line } = await watching(OTHER_KEY, { ledger: { kind: 'embedded' } })
    expect(code).toBe(4)
    expect(line).toMatch(/an embedded ledger is in the store of its gateway/)
  })

  test('for the claims of another contract', async () => {
    const { payee, stranger, run: send } = escrow()
    await send(payee, 'nameSubmitter', [stranger, true])
    const other = { chainId: 31_337n, verifyingContract: new Uint8Array(20) }
    const { code, line } = await watching(OTHER_KEY, {}, other)
    expect(code).toBe(4)
    expect(line).toMatch(/is for the ledger 31337\/0x0+, this one is .*no other ledger can pay it/)
  })
})

test.runIf(hasAnvil)('the owner takes its money back: announced, too early, executed', async () => {
  const { owner, tokens, allocation, claim } = escrow()
  const { fleet, gateway, assetCode: code, assetScale: scale } = allocation
  const { payee, ledger } = settings(OWNER_KEY)
  const withdraw = ownerCommands(folder(), {
    fleet,
    gateway,
    payee,
    asset: { code, scale },
    ledger,
  })
  const dry = await withdraw(START_SECONDS, 'all', '--dry-run')
  expect(dry).toMatchObject({ code: 0, outcome: 'would_announce', amount: '1000000000' })
  const announced = await withdraw(START_SECONDS, '600')
  expect(announced).toMatchObject({ code: 0, outcome: 'announced', amount: '600' })
  expect((await withdraw(START_SECONDS, '1')).error).toMatch(/this ledger has one at a time/)
  const leavesAt = announced.availableAtSeconds
  const early = await withdraw(leavesAt - 60, '--execute')
  expect(early.error).toMatch(/can be executed from .* on, in 0 d 0 h 1 min/)
  await claim([await claimOf(70)])
  await pass(leavesAt - START_SECONDS)
  const before = await tokens(owner)
  const done = await withdraw(leavesAt + 60, '--execute')
  expect(done).toMatchObject({ code: 0, outcome: 'executed', amount: '600' })
  expect((await tokens(owner)) - before).toBe(6_000n)
})
