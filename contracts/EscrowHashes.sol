// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Batch, Claim, Statement, Terms} from "./EscrowTypes.sol";

/// What was signed: EIP-712 digests, the chain of words and the tree of a statement.
library EscrowHashes {
    bytes32 private constant ALLOCATION_TYPE = keccak256(
        "Allocation(string fleet,string gateway,address payee,string assetCode,uint8 assetScale)"
    );
    bytes32 private constant CHANNEL_TYPE = keccak256(
        "Channel(uint8 payerAlgorithm,bytes payerKey,address payee,uint16 feeBasisPoints,string fleet,string gateway,string assetCode,uint8 assetScale,string meter,bytes32 allocation,uint32 position,bytes32 salt)"
    );
    bytes32 private constant MANDATE_TYPE = keccak256(
        "Mandate(bytes32 channelId,uint64 sequence,uint64 limit,uint64 limitPerDay,uint64 notBefore,uint64 expiry,uint64 claimUntil)"
    );
    bytes32 private constant COMMITMENT_TYPE = keccak256(
        "Commitment(uint8 kind,bytes32 channelId,uint32 epoch,uint64 base,bytes32 root,uint32 length,uint64 unitsPerTick,uint64 pricePerTick,uint64 startReading,bytes32 tariffHash,uint64 issuedAt,uint64 expiry)"
    );
    bytes32 private constant STATEMENT_TYPE = keccak256(
        "Statement(bytes32 allocation,uint64 sequence,uint64 total,uint64 evidencePaid,uint32 positions,bytes32 root,uint64 issuedAt,uint64 expiry)"
    );

    function termsHash(Terms memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(ALLOCATION_TYPE, terms));
    }

    function statementHash(bytes32 id, Statement calldata statement)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(STATEMENT_TYPE, id, statement));
    }

    /// What all channels of an allocation have in common.
    function prepareChannel(Batch memory batch, Terms calldata terms, uint16 feeBasisPoints)
        internal
        pure
    {
        batch.channel[0] = CHANNEL_TYPE;
        batch.channel[3] = bytes32(uint256(uint160(terms.payee)));
        batch.channel[4] = bytes32(uint256(feeBasisPoints));
        batch.channel[5] = terms.fleet;
        batch.channel[6] = terms.gateway;
        batch.channel[7] = terms.assetCode;
        batch.channel[8] = bytes32(uint256(terms.assetScale));
        batch.channel[10] = batch.id;
    }

    function channelIdOf(Batch memory batch, Claim calldata claim) internal pure returns (bytes32) {
        bytes32[13] memory words = batch.channel;
        words[1] = bytes32(claim.payerAlgorithm);
        words[2] = claim.payerKeyHash;
        words[9] = claim.meter;
        words[11] = bytes32(claim.position);
        words[12] = claim.salt;
        bytes32 hash;
        assembly ("memory-safe") {
            hash := keccak256(words, 416)
        }
        return MessageHashUtils.toTypedDataHash(batch.separator, hash);
    }

    function mandateDigest(Batch memory batch, Claim calldata claim, bytes32 channelId)
        internal
        pure
        returns (bytes32)
    {
        bytes32[13] memory words = batch.scratch;
        bytes32 hash = MANDATE_TYPE;
        assembly ("memory-safe") {
            mstore(words, hash)
            mstore(add(words, 32), channelId)
            // From mandateSequence to claimUntil.
            calldatacopy(add(words, 64), add(claim, 160), 192)
            hash := keccak256(words, 256)
        }
        return MessageHashUtils.toTypedDataHash(batch.separator, hash);
    }

    /// The digest of the Commitment whose root is where the word leads.
    function commitmentDigest(Batch memory batch, Claim calldata claim, bytes32 channelId)
        internal
        view
        returns (bytes32)
    {
        bytes32 hash = _commitmentHash(batch.scratch, claim, channelId);
        return MessageHashUtils.toTypedDataHash(batch.separator, hash);
    }

    /// hashStruct of the Commitment whose root is where the word leads. The chain's bind is made of
    /// all the other fields, so only the right word meets the signed root.
    function _commitmentHash(bytes32[13] memory words, Claim calldata claim, bytes32 channelId)
        private
        view
        returns (bytes32 hash)
    {
        hash = COMMITMENT_TYPE;
        bool isDone;
        assembly ("memory-safe") {
            mstore(words, hash)
            calldatacopy(add(words, 32), add(claim, 416), 32) // kind
            mstore(add(words, 64), channelId)
            calldatacopy(add(words, 96), add(claim, 448), 320) // epoch to expiry
            isDone := staticcall(gas(), 2, words, 384, 0, 32)
            hash := mload(0)
        }
        require(isDone);
        bytes32 root = _walk(hash, claim.index, claim.word);
        assembly ("memory-safe") {
            mstore(add(words, 160), root)
            calldatacopy(add(words, 192), add(claim, 512), 224) // length to expiry
            hash := keccak256(words, 416)
        }
    }

    /// w_0 from w_index: SHA-256 of ("TP" | 1 | bind[16] | be32 index | word), 55 bytes, each step.
    /// The block ends at 64, so that its first 23 bytes end one word, the chain's word is the next,
    /// and every answer falls into its place. Eight steps a turn: what counts turns is dear.
    function _walk(bytes32 terms, uint256 index, bytes32 word) private view returns (bytes32) {
        if (index == 0) return word;
        bool isDone = true;
        assembly ("memory-safe") {
            let last := or(shl(160, 0x545001), shl(32, shr(128, terms)))
            let step := or(last, index)
            mstore(32, word)
            for {} and(step, 7) { step := sub(step, 1) } {
                mstore(0, step)
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
            }
            for {} gt(step, last) { step := sub(step, 8) } {
                mstore(0, step)
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 1))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 2))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 3))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 4))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 5))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 6))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
                mstore(0, sub(step, 7))
                isDone := and(staticcall(gas(), 2, 9, 55, 32, 32), isDone)
            }
            word := mload(32)
        }
        require(isDone);
        return word;
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore8(start, 1)
            mstore(add(start, 1), left)
            mstore(add(start, 33), right)
            hash := keccak256(start, 65)
        }
    }

    /// The leaf of a channel in a statement.
    function leaf(uint256 position, bytes32 channelId, uint64 amount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(uint8(0), uint32(position), channelId, amount));
    }
}
