/**
 * The relay of a meter in agent.yaml; docs/deploy.md explains every key.
 * @module
 */
import * as v from 'valibot'
import {
  brokerLoginValue,
  integerValue,
  textValue,
  tlsFilesValue,
} from '../../ports/configTypes.ts'

const wordsValue = v.pipe(v.array(textValue), v.minLength(1, 'a program and its arguments'))

export const relayValue = v.variant(
  'kind',
  [
    v.strictObject({
      kind: v.literal('modbus-coil'),
      source: textValue,
      unitId: integerValue(1, 247),
      coil: v.optional(integerValue(0, 65_535), 0),
    }),
    v.strictObject({
      kind: v.literal('gpio'),
      chip: v.optional(textValue, 'gpiochip0'),
      line: integerValue(0, 1_023),
      activeLow: v.optional(v.boolean('true or false'), false),
    }),
    v.strictObject({
      kind: v.literal('mqtt'),
      url: textValue,
      login: v.optional(brokerLoginValue),
      tls: v.optional(tlsFilesValue),
      commandTopic: textValue,
      stateTopic: v.optional(textValue),
      on: v.optional(textValue, 'ON'),
      off: v.optional(textValue, 'OFF'),
    }),
    v.strictObject({ kind: v.literal('command'), on: wordsValue, off: wordsValue }),
  ],
  'a relay of kind modbus-coil, gpio, mqtt or command',
)
