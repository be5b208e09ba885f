/**
 * What a command is: its options and arguments as tables, from which parsing, `--help` and the
 * types of its values follow.
 * @module
 */
import type { ExitCode } from './exitCodes.ts'
import type { Terminal } from './terminal.ts'

export type SwitchOption = { readonly kind: 'switch'; readonly about: string }
export type TextOption = {
  readonly kind: 'text'
  /** What stands for the value in `--help`, in capitals. */
  readonly value: string
  readonly about: string
}
export type NeededOption = Omit<TextOption, 'kind'> & { readonly kind: 'needed' }
export type ListOption = Omit<TextOption, 'kind'> & { readonly kind: 'list' }
export type Option = SwitchOption | TextOption | NeededOption | ListOption
export type Options = Readonly<Record<string, Option>>

/** An argument without a name, found by its place. */
export type NeededArgument = { readonly kind: 'argument'; readonly about: string }
export type OptionalArgument = { readonly kind: 'optional'; readonly about: string }
export type Argument = NeededArgument | OptionalArgument
export type Arguments = Readonly<Record<string, Argument>>

type OptionValue = {
  switch: boolean
  text: string | undefined
  needed: string
  list: readonly string[]
}
type ArgumentValue = { argument: string; optional: string | undefined }

export type Values<O extends Options, A extends Arguments> = {
  readonly [Name in keyof O]: OptionValue[O[Name]['kind']]
} & { readonly [Name in keyof A]: ArgumentValue[A[Name]['kind']] }

/** Any command, its value types forgotten. */
export type Command = {
  /** One line, for lists of commands. */
  readonly summary: string
  /** Lines that say more, below the usage. */
  readonly details: readonly string[]
  readonly options: Options
  readonly arguments: Arguments
  /** Command lines that work. */
  readonly examples: readonly string[]
  readonly run: (values: never, terminal: Terminal) => Promise<ExitCode>
}

/** A command with the types of its values derived from its tables. */
export function defineCommand<const O extends Options, const A extends Arguments>(command: {
  readonly summary: string
  readonly details?: readonly string[]
  readonly options: O
  readonly arguments: A
  readonly examples: readonly string[]
  readonly run: (values: Values<O, A>, terminal: Terminal) => Promise<ExitCode>
}): Command {
  return { details: [], ...command }
}

export function flag(about: string): SwitchOption {
  return { kind: 'switch', about }
}

export function text(value: string, about: string): TextOption {
  return { kind: 'text', value, about }
}

export function needed(value: string, about: string): NeededOption {
  return { kind: 'needed', value, about }
}

/** May be given several times. */
export function list(value: string, about: string): ListOption {
  return { kind: 'list', value, about }
}

export function argument(about: string): NeededArgument {
  return { kind: 'argument', about }
}

export function optionalArgument(about: string): OptionalArgument {
  return { kind: 'optional', about }
}

/** For commands whose result a program may read. */
export const jsonOption = { json: flag('print JSON, for programs') } as const
