/**
 * `tickpay ca list`
 * @module
 */
import { readRecord } from '../certificates/folder.ts'
import { dayOf, folderOptions, USUAL_FOLDER } from '../certificates/options.ts'
import { DAY_SECONDS, RENEW_DAYS, stateOf } from '../certificates/record.ts'
import { defineCommand, flag, jsonOption } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { jsonText } from '../jsonLine.ts'
import { left, right, tableLines } from '../table.ts'

const columns = [left('name'), left('kind'), left('state'), left('until'), right('authority')]

export const command = defineCommand({
  summary: 'Lists authorities and certificates, and which of them end soon',
  details: ['Reads the folder only; no passphrase is needed.'],
  arguments: {},
  options: {
    all: flag('also those that were replaced, revoked or have expired'),
    ...folderOptions,
    ...jsonOption,
  },
  examples: ['tickpay ca list'],
  run: async ({ all, json, dir = USUAL_FOLDER }, terminal) => {
    const record = await readRecord(dir)
    const nowSeconds = Math.floor(Date.now() / 1_000)
    const certificates = record.certificates
      .map((one, place) => ({ ...one, state: stateOf(record, place, nowSeconds) }))
      .filter(({ state }) => all || state === 'in force' || state === 'renew')
    const authorities = record.authorities.filter(({ retired }) => all || !retired)
    if (json) {
      terminal.out(jsonText({ authorities, certificates }))
      return exitCodes.ok
    }
    const rows = certificates.map((one) => [
      one.name,
      one.kind,
      one.state,
      dayOf(one.notAfterSeconds),
      String(one.authority),
    ])
    const tops = authorities.map(({ commonName, notAfterSeconds, number, retired }) => [
      commonName,
      'authority',
      retired ? 'retired' : 'in force',
      dayOf(notAfterSeconds),
      String(number),
    ])
    for (const line of tableLines(columns, [...tops, ...rows])) terminal.out(line)
    const due = certificates.filter(({ state }) => state === 'renew').length
    if (due > 0) terminal.error(`${due} end within ${RENEW_DAYS} days: "tickpay ca renew"`)
    const isEnding = authorities.some(
      (one) => !one.retired && one.notAfterSeconds - nowSeconds < 366 * DAY_SECONDS,
    )
    if (isEnding) terminal.error('an authority ends within a year: "tickpay ca rotate"')
    return exitCodes.ok
  },
})
