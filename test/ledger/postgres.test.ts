import { describeLedger } from './contract.ts'
import { testServer } from './postgresServer.ts'
import { postgresWorlds } from './postgresWorld.ts'

describeLedger('postgres', postgresWorlds(testServer()))
