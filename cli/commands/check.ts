/**
 * `tickpay check`
 * @module
 */
import { checkConfiguration } from '../check.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { readYaml } from '../io/readYaml.ts'
import { jsonText } from '../jsonLine.ts'
import { roleOf, roles } from '../role.ts'

export const command = defineCommand({
  summary: 'Checks a configuration of any kind and the key it names',
  details: [
    'Tells what is wrong in one line: which key, what it is and what it must be. Nothing is',
    'started or changed. Exit code 4 when something is wrong.',
  ],
  arguments: {
    file: argument('gateway.yaml, agent.yaml, fleet.yaml, watch.yaml or that of a meter-sim'),
  },
  options: {
    role: text('ROLE', `${roles.join(', ')} (default: told by its keys)`),
    ...jsonOption,
  },
  examples: ['tickpay check gateway.yaml'],
  run: async ({ file, role: typed, json }, terminal) => {
    const named = roles.find((one) => one === typed)
    if (typed !== undefined && named === undefined) {
      throw new UsageError(`unknown role "${typed}"; there are ${roles.join(', ')}`)
    }
    const role = named ?? roleOf(file, Object.keys(await readYaml(file)))
    const { warnings, facts } = await checkConfiguration(file, role)
    for (const warning of warnings) terminal.error(`warning: ${warning}`)
    if (json) terminal.out(jsonText({ file, role, warnings, ...facts }))
    else terminal.out(`${file} is a sound configuration of ${role}`)
    return exitCodes.ok
  },
})
