/** Guessing the secret of a claim: bounded, told like any wrong secret, forgiven after a while. */
import { beforeEach, describe, expect, test } from 'vitest'
import { GUESS_PAUSE_MS, WRONG_GUESSES_MAX } from '../../../gateway/enrol/guesses.ts'
import { present } from '../../../protocol/assert.ts'
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import type { ClaimToken } from '../../../protocol/enrolment.ts'
import { claimUsername, formatClaimToken, parseClaimToken } from '../../../protocol/enrolment.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'

const serial = 'sn-4711'
let scene: Scene
let text: string
let token: ClaimToken

const login = (secret: string, number = serial) =>
  scene.world.gateway.authenticate({
    clientId: 'x',
    username: claimUsername('acme', number),
    password: utf8ToBytes(secret),
    remote: '127.0.0.1:1',
  })
const refused = async (secret: string, number?: string) => {
  const answer = await login(secret, number)
  return 'refused' in answer ? answer.refused : 'accepted'
}

beforeEach(async () => {
  scene = await openScene()
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const answer = await scene.call('claim_add', { fleet: 'acme', serial, meters })
  text = (answer as { token: string }).token
  token = present(parseClaimToken(text), 'a claim')
})

describe('T24: the secret of a claim', () => {
  test('is not kept, and the claim says who the gateway is', () => {
    expect(JSON.stringify([...scene.world.gateway.core.state.credentials])).not.toContain(
      token.secret,
    )
    expect(formatClaimToken(token)).toBe(text)
    expect(token).toMatchObject({ fleet: 'acme', serial, gateway: 'gw-1' })
  })

  test('a wrong one and one for a serial number that is not listed are told the same', async () => {
    expect(await refused('guess')).toBe('bad_credential')
    expect(await refused(token.secret, 'sn-1')).toBe('bad_credential')
  })

  test('cannot be tried often; after a minute the right one is taken again', async () => {
    for (let round = 0; round < WRONG_GUESSES_MAX; round++) await refused('guess')
    expect(await refused(token.secret)).toBe('unavailable')
    await scene.world.time.advance(GUESS_PAUSE_MS)
    expect(await refused(token.secret)).toBe('accepted')
  })

  test('is no static credential, and the list of those does not show it', async () => {
    const { gateway } = scene.world
    const username = `${serial}@acme`
    const password = utf8ToBytes(token.secret)
    const request = { clientId: 'x', username, password, remote: '127.0.0.1:1' }
    expect(await gateway.authenticate(request)).toEqual({ refused: 'bad_credential' })
    expect(await scene.call('credential_list')).toEqual([])
  })

  test.each(['', 'tickpay-claim-1-', 'tickpay-claim-1-00', 'tickpay-claim-2-80', '{}'])(
    'is not read from %j',
    (line) => {
      expect(parseClaimToken(line)).toBeUndefined()
    },
  )
})
