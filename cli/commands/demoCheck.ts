/**
 * `tickpay demo check`
 * @module
 */
import { defineCommand, jsonOption, needed } from '../command.ts'
import { reconcile } from '../demo/demo.ts'

export const command = defineCommand({
  summary: 'Reconciles the books of a demo that was kept with --data',
  details: ['Exit code 1 when they do not agree, with the line that differs.'],
  arguments: {},
  options: { data: needed('FOLDER', 'the folder of the demo'), ...jsonOption },
  examples: ['tickpay demo check --data my-demo'],
  run: ({ data, json }, terminal) => reconcile(data, json ? 'json' : 'people', terminal),
})
