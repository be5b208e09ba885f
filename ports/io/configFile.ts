/**
 * Reads a configuration file and checks it.
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { InferOutput } from 'valibot'
import type { ConfigSchema } from '../config.ts'
import { parseConfig } from '../config.ts'
import { OperatorError } from '../operatorError.ts'

/**
 * The configuration in `path`, overridden by `environment`.
 * @throws OperatorError, one line, when it cannot be read or is wrong
 */
export async function readConfigFile<const S extends ConfigSchema>(
  path: string,
  prefix: string,
  schema: S,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<InferOutput<S>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new OperatorError(`cannot read the configuration ${path}: ${advice[code] ?? code}`)
  }
  return parseConfig({ text, origin: path, environment, prefix }, schema)
}

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EACCES: 'permission denied; give this user read access to it',
  EISDIR: 'it is a folder; name a file',
  ENOTDIR: 'a part of that path is a file; check the path',
}
