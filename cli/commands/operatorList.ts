/**
 * `tickpay operator list`
 * @module
 */
import { fleetListCommand } from '../fleetList.ts'

export const command = fleetListCommand(
  'operator_list',
  'Lists the operators and when each was last signed in',
  'tickpay operator list',
)
