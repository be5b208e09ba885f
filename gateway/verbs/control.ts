/**
 * The verbs of fleets as the control socket offers them: the same arguments, and which fleet.
 * @module
 */
import * as v from 'valibot'
import { idValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { type Verb, verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { pauseGateway, verbRunners } from './run.ts'
import { controlName, fleetVerbs } from './table.ts'

export function fleetControlVerbs(
  core: Core,
  settle: () => Promise<unknown>,
): Readonly<Record<string, Verb>> {
  const runners = verbRunners(core, settle)
  const table = Object.entries(runners).map(([name, run]) => {
    const { entries } = fleetVerbs[name as keyof typeof runners]
    const schema = v.strictObject({ ...entries, fleet: idValue })
    const act = run as (fleet: string, args: unknown) => unknown
    return [
      controlName(name),
      verb(schema, ({ fleet, ...args }) => act(fleet as string, args)),
    ] as const
  })
  return { ...Object.fromEntries(table), ...gatewayWide(core, runners) }
}

/** Without a fleet, and with `all`, it is for everybody at this gateway. */
function gatewayWide(
  core: Core,
  runners: ReturnType<typeof verbRunners>,
): Readonly<Record<string, Verb>> {
  const schema = v.strictObject({ ...fleetVerbs.pause.entries, fleet: v.optional(idValue) })
  const make = (name: 'pause' | 'resume') =>
    verb(schema, ({ fleet, ...args }) => {
      if (fleet !== undefined) return runners[name](fleet, args)
      if ((args.all !== true || args.device) ?? args.group ?? args.site) {
        throw new OperatorError('name a fleet, or "all": true alone for the whole gateway')
      }
      return pauseGateway(core, name === 'pause', args.dry_run)
    })
  return { pause: make('pause'), resume: make('resume') }
}
