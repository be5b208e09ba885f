/**
 * Asks an operator for the code that his authenticator shows.
 * @module
 */
import { el } from './dom.ts'

/** What was typed; undefined: the person gave up. `problem` is why the last one was not good. */
export function askForCode(what: string, problem: string): Promise<string | undefined> {
  const code = el('input', {
    id: 'code',
    name: 'code',
    inputmode: 'numeric',
    autocomplete: 'one-time-code',
    pattern: '[0-9 ]{6,7}',
    maxlength: '7',
    required: '',
    'aria-describedby': 'code-about',
  })
  const leave = el('button', { type: 'button', class: 'plain' }, 'Cancel')
  const alert = el('p', { class: 'problem', role: 'alert' }, problem)
  alert.hidden = problem === ''
  const form = el(
    'form',
    {},
    el('h2', { id: 'code-title' }, `Confirm: ${what}`),
    alert,
    el('label', { for: 'code' }, 'Code'),
    code,
    el(
      'p',
      { class: 'quiet', id: 'code-about' },
      'The six digits that your authenticator shows. It counts for five minutes in this tab.',
    ),
    el('div', { class: 'acting' }, el('button', { class: 'primary' }, 'Confirm'), leave),
  )
  const dialog = el('dialog', { class: 'card code', 'aria-labelledby': 'code-title' }, form)
  let typed: string | undefined
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    typed = code.value.replaceAll(' ', '')
    dialog.close()
  })
  leave.addEventListener('click', () => dialog.close())
  document.body.append(dialog)
  const before = document.activeElement
  dialog.showModal()
  code.focus()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      if (before instanceof HTMLElement) before.focus()
      resolve(typed)
    })
  })
}
