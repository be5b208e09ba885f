// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EscrowHashes} from "./EscrowHashes.sol";
import {EscrowKeys} from "./EscrowKeys.sol";
import {Batch, Claim, P256, SECP256K1, TREE_DEPTH} from "./EscrowTypes.sol";

/// Counts and times are whole numbers that JSON can carry.
function isCount(uint256 value) pure returns (bool) {
    return value >> 53 == 0;
}

/// What a claim proves, or why it pays nothing.
library EscrowClaims {
    uint256 private constant RENEWAL = 1;
    uint256 private constant CHECKPOINT = 2;
    uint256 private constant EPOCH_LENGTH_MAX = 65_536;
    uint256 internal constant MAX_TAIL = 4_096;

    // Why a claim pays nothing.
    uint8 private constant MALFORMED = 1;
    uint8 private constant POSITION_TAKEN = 2;
    uint8 private constant MANDATE_EARLY = 3;
    uint8 private constant MANDATE_EXPIRED = 4;
    uint8 private constant OUT_OF_RANGE = 5;
    uint8 private constant NOT_EVIDENCE = 6;
    uint8 private constant TOO_LONG_TAIL = 7;
    uint8 private constant OVER_MANDATE = 8;
    uint8 private constant BAD_MANDATE_SIGNATURE = 9;
    /// Of the payer; also a word that leads to another root than the one signed.
    uint8 private constant BAD_COMMITMENT_SIGNATURE = 10;
    uint8 private constant BAD_LEAF = 11;
    uint8 internal constant NO_FUNDS = 12;

    /// The amount that a claim proves, and what its channel was paid before by either path.
    function judge(
        Batch memory batch,
        Claim calldata claim,
        bytes32[] calldata more,
        bytes32 channelId,
        uint256 held
    ) internal view returns (uint8 reason, uint256 amount, uint256 before) {
        if (!_isWellFormed(claim)) return (MALFORMED, 0, 0);
        if (held != 0 && (held ^ uint256(channelId)) >> 64 != 0) return (POSITION_TAKEN, 0, 0);
        if (block.timestamp < claim.notBefore) return (MANDATE_EARLY, 0, 0);
        if (block.timestamp > claim.claimUntil) return (MANDATE_EXPIRED, 0, 0);
        if (claim.index > claim.length) return (OUT_OF_RANGE, 0, 0);
        if (claim.kind == RENEWAL && claim.index == 0) return (NOT_EVIDENCE, 0, 0);
        if (claim.index > MAX_TAIL) return (TOO_LONG_TAIL, 0, 0);
        unchecked {
            amount = claim.base + claim.index * claim.pricePerTick;
        }
        if (amount > claim.limit) return (OVER_MANDATE, 0, 0);
        bool isGood;
        (isGood, before) = _checkLeaf(batch, claim, more, channelId);
        if (!isGood) return (BAD_LEAF, 0, 0);
        if (uint64(held) > before) before = uint64(held);
        if (!_isMandateSigned(batch, claim, channelId)) return (BAD_MANDATE_SIGNATURE, 0, 0);
        if (!_isCommitmentSigned(batch, claim, more, channelId)) {
            return (BAD_COMMITMENT_SIGNATURE, 0, 0);
        }
    }

    /// Every test costs each claim some gas, so what can be is tested together.
    function _isWellFormed(Claim calldata claim) private pure returns (bool) {
        if (claim.payerAlgorithm != P256 && claim.payerAlgorithm != SECP256K1) return false;
        uint256 counts = claim.mandateSequence | claim.notBefore | claim.mandateExpiry
            | claim.claimUntil | claim.issuedAt | claim.expiry;
        uint256 words = claim.limit | claim.limitPerDay | claim.base | claim.unitsPerTick
            | claim.pricePerTick | claim.startReading;
        if (claim.position >> 20 | claim.epoch >> 32 | words >> 64 != 0 || !isCount(counts)) {
            return false;
        }
        if (claim.notBefore >= claim.mandateExpiry || claim.mandateExpiry > claim.claimUntil) {
            return false;
        }
        if (claim.kind != RENEWAL && claim.kind != CHECKPOINT) return false;
        if (claim.epoch == 0 || claim.unitsPerTick == 0) return false;
        if (claim.length == 0 || claim.length > EPOCH_LENGTH_MAX) return false;
        // Below 2^82 each.
        unchecked {
            uint256 amount = claim.base + claim.length * claim.pricePerTick;
            uint256 reading = claim.startReading + claim.length * claim.unitsPerTick;
            return (amount | reading) >> 64 == 0;
        }
    }

    /// What the last statement says of the channel. A leaf of another channel fits no path.
    function _checkLeaf(
        Batch memory batch,
        Claim calldata claim,
        bytes32[] calldata more,
        bytes32 channelId
    ) private pure returns (bool, uint256) {
        if (!batch.hasStatement) return (true, 0);
        uint256 leaf = claim.leaf;
        uint256 place = claim.position;
        uint256 amount = 0;
        bytes32 node = 0;
        if (leaf >> 84 & 1 == 0) {
            amount = uint64(leaf);
            node = EscrowHashes.leaf(place, channelId, uint64(amount));
        }
        uint256 next = uint32(leaf >> 96) + (claim.payerAlgorithm == P256 ? 2 : 0);
        for (uint256 level = 0; level < TREE_DEPTH; level++) {
            bytes32 sibling = batch.emptyTrees[level];
            if (leaf >> 64 + level & 1 == 1) {
                if (next >= more.length) return (false, 0);
                sibling = more[next++];
            }
            node = place >> level & 1 == 0
                ? EscrowHashes.node(node, sibling)
                : EscrowHashes.node(sibling, node);
        }
        return (node == batch.statementRoot, amount);
    }

    function _isMandateSigned(Batch memory batch, Claim calldata claim, bytes32 channelId)
        private
        view
        returns (bool)
    {
        return EscrowKeys.isSigned(
            EscrowHashes.mandateDigest(batch, claim, channelId),
            claim.mandateR,
            claim.mandateS,
            batch.signerAlgorithm,
            batch.signerKeyHash,
            batch.signerKey[0],
            batch.signerKey[1]
        );
    }

    function _isCommitmentSigned(
        Batch memory batch,
        Claim calldata claim,
        bytes32[] calldata more,
        bytes32 channelId
    ) private view returns (bool) {
        bytes32 x;
        bytes32 y;
        if (claim.payerAlgorithm == P256) {
            uint256 start = uint32(claim.leaf >> 96);
            if (start + 2 > more.length) return false;
            (x, y) = (more[start], more[start + 1]);
        }
        return EscrowKeys.isSigned(
            EscrowHashes.commitmentDigest(batch, claim, channelId),
            claim.commitmentR,
            claim.commitmentS,
            claim.payerAlgorithm,
            claim.payerKeyHash,
            x,
            y
        );
    }
}
