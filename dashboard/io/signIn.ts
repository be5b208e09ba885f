/**
 * The page for somebody who is not signed in: who are you, and where to get a credential.
 * @module
 */
import { el } from './dom.ts'
import { fleetOf } from './session.ts'
import type { Login } from './wire.ts'

export function signInPage(why: string, onLogin: (login: Login) => void): HTMLElement {
  const name = el('input', {
    id: 'name',
    name: 'username',
    autocomplete: 'username',
    autocapitalize: 'none',
    spellcheck: 'false',
    placeholder: 'ann@acme',
    required: '',
  })
  const password = el('input', {
    id: 'password',
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
    required: '',
  })
  const problem = el('p', { class: 'problem', role: 'alert' }, why)
  problem.hidden = why === ''
  const form = el(
    'form',
    { class: 'card sign-in' },
    el('h1', {}, 'Sign in'),
    problem,
    el('label', { for: 'name' }, 'Name'),
    name,
    el('label', { for: 'password' }, 'Password'),
    password,
    el('button', { class: 'primary' }, 'Sign in'),
    firstTime(),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const username = name.value.trim()
    if (fleetOf(username) === undefined) {
      problem.textContent = 'A name looks like ann@acme: a person, and a fleet.'
      problem.hidden = false
      name.focus()
      return
    }
    onLogin({ username, password: password.value.trim() })
  })
  return form
}

function firstTime(): HTMLElement {
  return el(
    'details',
    {},
    el('summary', {}, 'The first time here?'),
    el('p', {}, 'On the machine of the gateway, make yourself an operator of your fleet:'),
    el('pre', { tabindex: '0' }, 'tickpay operator add ann --fleet acme'),
    el(
      'p',
      {},
      'It prints a password, and a secret for your authenticator, once. You see everything of ' +
        'your fleet, and pause and resume with a code. To look only:',
    ),
    el('pre', { tabindex: '0' }, 'tickpay credential add --fleet acme --name bob'),
    el('p', {}, 'This tab remembers you until it is closed, and nothing is stored beyond it.'),
  )
}
