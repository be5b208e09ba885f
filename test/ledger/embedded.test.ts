import { ledgerWorld } from '../unit/ledger/world.ts'
import { describeLedger } from './contract.ts'

describeLedger('embedded', async () => {
  const { open, time } = ledgerWorld()
  return {
    ledger: await open(),
    advance: (seconds) => time.advance(seconds * 1_000),
    reopen: open,
  }
})
