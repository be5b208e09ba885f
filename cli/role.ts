/**
 * Which program a configuration is for, by the keys that only it has.
 * @module
 */
import { OperatorError } from '../ports/operatorError.ts'

export const roles = ['gateway', 'agent', 'fleet', 'watch', 'meter-sim'] as const
export type Role = (typeof roles)[number]

const tellingKeys: Readonly<Record<Role, readonly string[]>> = {
  gateway: ['listeners', 'tariffs', 'payee'],
  agent: ['meters', 'device'],
  fleet: ['policy'],
  watch: ['claims', 'marginHours'],
  'meter-sim': ['line', 'profile'],
}

/**
 * The role of the configuration with these top-level keys.
 * @throws OperatorError when it could be any or none
 */
export function roleOf(path: string, keys: readonly string[]): Role {
  const fitting = roles.filter((role) => tellingKeys[role].some((key) => keys.includes(key)))
  const [role, ...others] = fitting
  if (role !== undefined && others.length === 0) return role
  const telling = roles.map((one) => `${one} (${tellingKeys[one].join(', ')})`).join(', ')
  throw new OperatorError(`${path}: whose configuration is this? Expected keys of ${telling}`)
}
