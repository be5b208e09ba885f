/**
 * Rules that count what a device or somebody in its name did: guessed words, refused logins,
 * refused gaps and prices, sessions that drive each other out, another gateway.
 * @module
 */
import { createBurst, defineRule, threshold } from '../rule.ts'

const within = (seconds: number) => threshold(seconds, 's', 'within so long')

export const badWords = defineRule({
  about: 'words that do not meet the held one: they are guessed, or of another chain',
  thresholds: { words: threshold(3, 'words', 'so many'), windowSeconds: within(600) },
  begin: ({ words, windowSeconds }, { devices }) => {
    const isBurst = createBurst(devices, words, windowSeconds)
    return ({ signs, atSeconds }, device) =>
      isBurst(device, signs.bad_word, atSeconds)
        ? `${words} words within ${windowSeconds} s did not meet the held word`
        : undefined
  },
})

export const logins = defineRule({
  strongest: 'notify',
  about: 'logins in the name of a device or a credential that are refused',
  thresholds: { failures: threshold(10, 'logins', 'so many'), windowSeconds: within(60) },
  begin: ({ failures, windowSeconds }, { devices }) => {
    const isBurst = createBurst(devices, failures, windowSeconds)
    return ({ signs, atSeconds }, device) =>
      isBurst(device, signs.login_refused + signs.wrong_gateway, atSeconds)
        ? `${failures} logins within ${windowSeconds} s were refused`
        : undefined
  },
})

export const clones = defineRule({
  about: 'two devices with one identity: words from before the session, or sessions in turn',
  thresholds: {
    takeovers: threshold(5, 'sessions', 'so many that drive out one another'),
    windowSeconds: within(60),
  },
  begin: ({ takeovers, windowSeconds }, { devices }) => {
    const isBurst = createBurst(devices, takeovers, windowSeconds)
    return ({ signs, atSeconds, cloneSuspected }, device) => {
      const fought = isBurst(device, signs.takeover, atSeconds)
      if (cloneSuspected) return 'it shows words from before its session began: a copy, or a replay'
      return fought
        ? `${takeovers} sessions within ${windowSeconds} s drove out one another: ` +
            'two devices share one key'
        : undefined
    }
  },
})

export const newGateway = defineRule({
  about: 'the device has been at a gateway that is not this one',
  thresholds: {
    marks: threshold(1, 'marks', 'so many that another gateway has made'),
    windowSeconds: within(600),
  },
  begin: ({ marks, windowSeconds }, { devices }) => {
    const hasMarks = createBurst(devices, marks, windowSeconds)
    return ({ signs, atSeconds }, device) =>
      hasMarks(device, signs.foreign_mark, atSeconds)
        ? 'it returned a mark that this gateway never made: it was at another one'
        : undefined
  },
})
