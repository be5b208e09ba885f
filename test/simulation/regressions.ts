/**
 * Seeds that have found something, with what it was. They run in every test.
 * @module
 */

export type Regression = { readonly seed: number; readonly found: string }

export const regressions: readonly Regression[] = [
  {
    seed: 42,
    found:
      'a channel that had lapsed by a jump of the clock never went on: its device repeated words',
  },
  {
    seed: 49,
    found:
      'a tick delivered again after a repeated hello made a clone of an honest device, for good',
  },
  {
    seed: 380,
    found: 'a fence raised behind a commitment on its way was never answered: no supply for good',
  },
  {
    seed: 399,
    found: "a meter's new offset that the disk did not take, and a crash: credit was given twice",
  },
  {
    seed: 494,
    found: 'a restored gateway offered a channel that was replaced: its device paid units twice',
  },
  {
    seed: 499,
    found: 'a second fence raised before the first was lowered was never answered',
  },
  {
    seed: 1414,
    found:
      'a new meter obeyed an order for the register of the old one: more flowed than on credit',
  },
  {
    seed: 1571,
    found: 'a meter that started again obeyed the order from before, while its gateway was dead',
  },
  {
    seed: 1577,
    found: 'a meter that started again obeyed the order from before, and its agent died at once',
  },
  {
    seed: 1765,
    found: 'the simulated operator: a backup restored after all else did not know a newer key',
  },
  {
    seed: 2133,
    found: 'the accounts: register, agent and proof lost together, so readings came a second time',
  },
  {
    seed: 2394,
    found:
      'a channel left for another at the same position was gone back to: units were paid twice',
  },
  {
    seed: 2193,
    found: 'the simulated operator: a key replaced between two restores was not enrolled again',
  },
  {
    seed: 2647,
    found: 'a meter that started again obeyed the order from before, and its agent crashed',
  },
  {
    seed: 2667,
    found: 'a meter that started again obeyed the order from before, and its agent was away',
  },
  {
    seed: 2839,
    found:
      'the simulated operator: a backup restored at the very end brought a pause back for good',
  },
  {
    seed: 3495,
    found:
      'the watch on supply: what stood against it under a wrong clock counted under the right one',
  },
  {
    seed: 4314,
    found: 'the watch on positions: a channel of an older backup stood where a newer line was paid',
  },
  {
    seed: 5738,
    found: 'the probes at the end: an index behind the longest epoch there is has no form at all',
  },
  {
    seed: 5788,
    found:
      'the simulated operator: a meter replaced twice before a restore was replaced once after it',
  },
  {
    seed: 8452,
    found:
      'the simulated operator: meters restored twice, from two backups, were replaced only once',
  },
  {
    seed: 10462,
    found:
      'the probes at the end: the index behind the longest epoch once more, at the other gateway',
  },
  {
    seed: 11181,
    found:
      'the accounts: an agent that knew a lost register was believed, and died before it kept that',
  },
  {
    seed: 12124,
    found:
      'the accounts: an agent that had not read a lost register was taken for one that knew it',
  },
  {
    seed: 12192,
    found: 'the accounts: what was acknowledged just before a meter was replaced was not counted',
  },
  {
    seed: 12224,
    found: 'the accounts: an acknowledgement heard as its meter was replaced counted as nothing',
  },
  {
    seed: 13353,
    found: 'the accounts: an agent that knew a lost register was believed, but its disk had failed',
  },
  {
    seed: 13584,
    found:
      'a disk that did not take which channel is the newest, and a restore: units were paid twice',
  },
  {
    seed: 13936,
    found: 'the accounts: an agent that knew a lost register was believed, and was away for long',
  },
  {
    seed: 14578,
    found:
      'the simulated operator: a meter replaced once more at an older position was left at that',
  },
  {
    seed: 14799,
    found: 'the probes at the end: an index behind the longest epoch, after a change of price',
  },
  {
    seed: 15972,
    found: 'the probes at the end: an index behind the longest epoch, of a device that was away',
  },
  {
    seed: 16612,
    found:
      'the simulated operator: a meter whose place others had taken before was replaced only once',
  },
  {
    seed: 16958,
    found: 'the probes at the end: an index behind the longest epoch, at the second gateway',
  },
  {
    seed: 17421,
    found:
      'a statement kept over a restore took the position of a new channel: none fitted any more',
  },
  {
    seed: 17886,
    found: 'the probes at the end: an index behind the longest epoch, after a lie was put right',
  },
  {
    seed: 18676,
    found:
      'the simulated operator: two meters had promised all there was, and nobody set aside more',
  },
  {
    seed: 19508,
    found: 'the probes at the end: the fleet added what the one beyond its funds had asked for',
  },
]
