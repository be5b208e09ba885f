/**
 * What an operator is told of a device that was enrolled: all that its configuration needs.
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'

export function enrolmentAnswer(core: Core, device: string, channels: readonly number[]) {
  const { state, config, publicKey } = core
  return {
    device,
    gateway: { id: config.gateway, key: formatPublicKey(publicKey) },
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
