/**
 * What an operator is told of a device that was enrolled: all that its configuration needs.
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { Core } from '../core.ts'

export function enrolmentAnswer(core: Core, device: string, channels: readonly number[]) {
  const { state, config, key } = core
  return {
    device,
    gateway: { id: config.gateway, key: formatPublicKey(publicKeyOf(key)) },
    ledger: {
      chainId: state.domain.chainId.toString(),
      contract: `0x${bytesToHex(state.domain.verifyingContract)}`,
    },
    channels: channels.map((number) => {
      const { slot, channelId, channel, unit } = state.cold.channel(number)
      const { meter, position } = channel
      return { slot, channelId: bytesToHex(channelId), meter, unit, position }
    }),
  }
}
