/**
 * A YAML file whose keys are checked by whoever uses them.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { OperatorError } from '../../ports/operatorError.ts'

/**
 * The top-level keys of a YAML file.
 * @throws OperatorError, one line, when it cannot be read or is no group of keys
 */
export async function readYaml(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : (error.code ?? 'unreadable')
    throw new OperatorError(`cannot read the configuration ${path}: ${reason}; check the path`)
  })
  const value = parsed(text, path)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>
  }
  throw new OperatorError(`${path}: expected keys with values, such as "name: main"`)
}

function parsed(text: string, path: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new OperatorError(`${path}: not valid YAML: ${line.replace(/:$/, '')}`)
  }
}
