/**
 * A chain for a demo: anvil with the escrow contract, a token, and keys that everybody knows.
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLocalChain } from '../../ledger/evm/io/localChain.ts'

export type DemoChain = {
  readonly settings: object
  /** `0x` and 40 digits: an account of the chain, whose key sends the transactions. */
  readonly payee: string
  readonly stop: () => Promise<void>
}

/** Accounts 0 and 1 of anvil's published mnemonic: the fleet's owner and the payee. */
const OWNER_KEY = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const PAYEE_KEY = '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
const TOKEN_PLACES = 6
const PLENTY = 1n << 100n

/** @throws OperatorError when there is no anvil on this machine */
export async function startDemoChain(): Promise<DemoChain> {
  const chain = await startLocalChain('osaka', Math.floor(Date.now() / 1_000))
  const [owner = '', payee = '', feeRecipient = ''] = chain.accounts
  const { address: contract } = await chain.deploy('contracts/TickpayEscrow.json')
  const places = TOKEN_PLACES.toString(16).padStart(64, '0')
  const token = await chain.deploy('contracts/DemoToken.json', places)
  await chain.send(owner, token.address, token.codec.encode('mint', [owner, PLENTY]))
  await chain.send(owner, token.address, token.codec.encode('approve', [contract, PLENTY]))
  const folder = await mkdtemp(join(tmpdir(), 'tickpay-chain-'))
  const keyFile = await writeKey(folder, 'payee.key', PAYEE_KEY)
  const ownerKeyFile = await writeKey(folder, 'owner.key', OWNER_KEY)
  return {
    settings: {
      ...{ kind: 'evm', rpc: chain.rpcUrl, contract, keyFile },
      // This chain has a block for each transaction and never takes one back.
      ...{ confirmations: 1, pollMs: 50 },
      trial: { ownerKeyFile, token: token.address, feeRecipient },
    },
    payee,
    stop: async () => {
      await chain.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function writeKey(folder: string, name: string, key: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, `${key}\n`, { mode: 0o600 })
  return path
}
