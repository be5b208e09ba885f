/**
 * The text of docs/cli.md: what is said once, then the help of every command as it is.
 */

const opening = `# The program \`tickpay\`

One program, one command for each thing to do. Every command explains itself with \`--help\`; this
page holds the same texts, and a test holds the page to the program.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | refused by the gateway, or figures that must agree do not |
| 2 | the command line is wrong |
| 3 | nothing answers: no gateway, no agent, no meter |
| 4 | something on this machine has to be put right first: configuration, key, store, port, disk |
| 70 | a bug in the program; please report it |

What went wrong is one line on standard error. Results go to standard output; with \`--json\` they
are one JSON value on one line, with amounts and units as decimal strings and times in seconds since
1970.

## How a command finds the gateway

Commands about fleets, devices, channels and the ledger read the configuration of the gateway
(\`--config\`, or \`gateway.yaml\` in the current folder) and talk to the running gateway through
the socket \`control.sock\` in its data folder, which only the user it runs as may open. When no
gateway runs they open the store themselves. \`--socket\` names the socket of a running gateway.

Amounts are minor units of the gateway's asset (\`5000\`) or decimals with its code (\`0.005EUR\`).

## Commands
`

export function cliReference(
  overview: readonly string[],
  helps: readonly (readonly [string, readonly string[]])[],
): string {
  const parts = helps.map(([name, lines]) => `### tickpay ${name}\n\n${block(lines)}`)
  return [opening, block(overview), '', parts.join('\n\n'), ''].join('\n')
}

function block(lines: readonly string[]): string {
  return ['```text', ...lines, '```'].join('\n')
}
