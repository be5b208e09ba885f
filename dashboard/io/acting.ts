/**
 * Pause and resume of a device; the gateway decides who may, and when it wants a code first.
 * @module
 */
import type { Device } from '../model/fleet.ts'
import { askForCode } from './codeDialog.ts'
import { el, say, setText } from './dom.ts'
import type { Desk } from './view.ts'
import type { Answer } from './wire.ts'

export type Acting = {
  readonly element: HTMLElement
  readonly show: (device: Device) => void
}

export function createActing(desk: Desk, name: string): Acting {
  const button = el('button', { type: 'button', class: 'primary' }, 'Pause')
  const outcome = el('span', { class: 'quiet' })
  let isAsking = false
  button.addEventListener('click', async () => {
    if (isAsking) return
    isAsking = true
    const verb = isPaused(desk.fleet.devices.get(name)) ? 'resume' : 'pause'
    setText(outcome, `${verb}: asking the gateway`)
    const text = outcomeText(verb, await perform(desk, verb, name))
    isAsking = false
    setText(outcome, text)
    say(`${name}: ${text}`)
  })
  return {
    element: el('div', { class: 'acting' }, button, outcome),
    show: (device) => setText(button, isPaused(device) ? 'Resume' : 'Pause'),
  }
}

/** Asks, and asks the person for a code as often as the gateway wants one; undefined: given up. */
async function perform(desk: Desk, verb: string, device: string): Promise<Answer | undefined> {
  let answer = await desk.ask(verb, { device })
  let problem = ''
  while (answer.kind === 'refused' && answer.reason === 'second_factor') {
    const code = await askForCode(`${verb} ${device}`, problem)
    if (code === undefined) return undefined
    answer = await desk.ask(verb, { device, code })
    if (answer.kind === 'refused') problem = answer.why
  }
  return answer
}

function outcomeText(verb: string, answer: Answer | undefined): string {
  if (answer === undefined) return `${verb}: not done`
  return answer.kind === 'ok' ? `${verb}: done` : `${verb}: ${answer.why}`
}

function isPaused(device: Device | undefined): boolean {
  return device?.report.channels.some(({ reason }) => reason === 'paused') ?? false
}
