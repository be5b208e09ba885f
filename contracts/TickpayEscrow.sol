// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EscrowClaims, isCount} from "./EscrowClaims.sol";
import {EscrowDeposits} from "./EscrowDeposits.sol";
import {EscrowHashes} from "./EscrowHashes.sol";
import {EscrowKeys} from "./EscrowKeys.sol";
import {Allocation, Batch, Claim, Refused, Statement, Terms, TREE_DEPTH} from "./EscrowTypes.sol";

/// What fleets set aside for gateways, and what their devices' signatures make of it.
///
/// One deposit for one (fleet, gateway, payee, asset) serves all devices: opening a channel is no
/// transaction. The payee is paid by statements (one signature of the fleet for any number of
/// devices) or, without the fleet, by the evidence of single channels. All amounts are cumulative
/// 64-bit minor units; only what exceeds the amount paid before is paid. Texts enter as their
/// keccak256, since EIP-712 needs no more. No owner, no upgrade, no pause.
contract TickpayEscrow is EscrowDeposits {
    uint256 public constant MAX_TAIL = EscrowClaims.MAX_TAIL;

    /// 192 bits of the id of the channel that was paid here first, 64 bits paid by evidence.
    mapping(bytes32 id => mapping(uint256 position => uint256)) private channels;
    mapping(address payee => mapping(address submitter => bool)) public isSubmitter;

    event SubmitterNamed(address indexed payee, address indexed submitter, bool allowed);
    event StatementTaken(
        bytes32 indexed id, bytes32 digest, uint64 sequence, uint64 total, uint64 paid, uint32 positions
    );
    /// One outcome a claim, in their order: one event costs less than one for each. Bits 0-7: why
    /// it was refused, 0 where it was not; 8-71: paid now; 72-135: paid by evidence in all;
    /// 136-155: its position, so that a gateway that lost its store finds those that are used;
    /// 156-255: the first 100 bits of the channel's id.
    event Claimed(bytes32 indexed id, uint256[] outcomes);

    /// Who else may show statements and evidence for the caller. Money goes to the caller alone.
    function nameSubmitter(address submitter, bool allowed) external {
        isSubmitter[msg.sender][submitter] = allowed;
        emit SubmitterNamed(msg.sender, submitter, allowed);
    }

    /// Pays what a statement says beyond what was paid. The fleet's signature is checked; the
    /// payee's side agrees by sending the transaction, which therefore nobody else may.
    /// `signerKey` is (x, y) of a P-256 signer and unused for a secp256k1 one.
    function claimStatement(
        Terms calldata terms,
        Statement calldata statement,
        bytes32 r,
        bytes32 s,
        bytes32[2] calldata signerKey
    ) external nonReentrant {
        _onlyPayeesSide(terms.payee);
        bytes32 id = _idOf(terms);
        Allocation storage a = allocations[id];
        require(a.noticeSeconds != 0, Refused("unknown_allocation"));
        uint64 paid = a.paid;
        require(
            isCount(statement.sequence | statement.issuedAt | statement.expiry)
                && statement.issuedAt < statement.expiry
                && statement.positions <= 1 << TREE_DEPTH,
            Refused("malformed")
        );
        require(statement.sequence > a.statementSequence, Refused("old_sequence"));
        require(block.timestamp <= statement.expiry, Refused("expired"));
        require(statement.evidencePaid == a.evidencePaid, Refused("evidence_differs"));
        require(statement.total <= a.setAside, Refused("no_funds"));
        bytes32 digest = _hashTypedDataV4(EscrowHashes.statementHash(id, statement));
        require(
            EscrowKeys.isSigned(digest, r, s, a.signerAlgorithm, a.signerKeyHash, signerKey[0], signerKey[1]),
            Refused("bad_fleet_signature")
        );
        uint64 total = uint64(statement.total);
        a.statementSequence = uint64(statement.sequence);
        a.statementRoot = statement.root;
        if (total > paid) a.paid = total;
        uint64 difference = total > paid ? total - paid : 0;
        emit StatementTaken(
            id,
            digest,
            uint64(statement.sequence),
            total,
            difference,
            uint32(statement.positions)
        );
        _payOut(a, terms.payee, paid, difference);
    }

    /// Pays, for every claim, what it proves beyond what was paid for its channel. A claim that is
    /// refused says why in its event and keeps no other from being paid. `usePrevious`: the
    /// mandates are of the signer before the last rotation.
    function claimChannels(
        Terms calldata terms,
        Claim[] calldata claims,
        bytes32[] calldata more,
        bytes32[2] calldata signerKey,
        bool usePrevious
    ) external nonReentrant returns (uint256[] memory outcomes) {
        _onlyPayeesSide(terms.payee);
        Batch memory batch;
        batch.id = _idOf(terms);
        Allocation storage a = allocations[batch.id];
        require(a.noticeSeconds != 0, Refused("unknown_allocation"));
        batch.signerKey = signerKey;
        _prepare(batch, a, terms, usePrevious);
        mapping(uint256 => uint256) storage paidAt = channels[batch.id];
        outcomes = new uint256[](claims.length);
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        for (uint256 i = 0; i < claims.length; i++) {
            outcomes[i] = _claim(batch, claims[i], more, paidAt);
            // No claim leaves anything in memory; the next one may use the same.
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
        }
        emit Claimed(batch.id, outcomes);
        if (batch.paidNow == 0) return outcomes;
        uint64 paid = a.paid;
        a.paid = paid + uint64(batch.paidNow);
        a.evidencePaid += uint64(batch.paidNow);
        _payOut(a, terms.payee, paid, uint64(batch.paidNow));
    }

    function _onlyPayeesSide(address payee) private view {
        require(
            msg.sender == payee || isSubmitter[payee][msg.sender], Refused("not_the_payee")
        );
    }

    function _prepare(Batch memory batch, Allocation storage a, Terms calldata terms, bool usePrevious)
        private
        view
    {
        batch.separator = _domainSeparatorV4();
        batch.hasStatement = a.statementSequence != 0;
        batch.available = a.setAside - a.paid;
        if (usePrevious) {
            require(block.timestamp <= a.previousUntil, Refused("signer_expired"));
            batch.signerAlgorithm = a.previousAlgorithm;
            batch.signerKeyHash = a.previousKeyHash;
        } else {
            batch.signerAlgorithm = a.signerAlgorithm;
            batch.signerKeyHash = a.signerKeyHash;
        }
        EscrowHashes.prepareChannel(batch, terms, a.feeBasisPoints);
        batch.statementRoot = a.statementRoot;
        for (uint256 level = 1; level < TREE_DEPTH; level++) {
            bytes32 below = batch.emptyTrees[level - 1];
            batch.emptyTrees[level] = EscrowHashes.node(below, below);
        }
    }

    function _claim(
        Batch memory batch,
        Claim calldata claim,
        bytes32[] calldata more,
        mapping(uint256 => uint256) storage paidAt
    ) private returns (uint256) {
        bytes32 channelId = EscrowHashes.channelIdOf(batch, claim);
        uint256 held = claim.position >> 20 == 0 ? paidAt[claim.position] : 0;
        (uint8 reason, uint256 amount, uint256 before) =
            EscrowClaims.judge(batch, claim, more, channelId, held);
        uint256 evidence = uint64(held);
        uint256 difference = 0;
        if (reason == 0 && amount > before) {
            // Of numbers below 2^64, each compared before.
            unchecked {
                difference = amount - before;
            }
            if (difference > batch.available) {
                reason = EscrowClaims.NO_FUNDS;
                difference = 0;
            } else {
                unchecked {
                    batch.available -= difference;
                    batch.paidNow += difference;
                }
                evidence = amount;
                paidAt[claim.position] = (uint256(channelId) >> 64 << 64) | amount;
            }
        }
        return reason | difference << 8 | evidence << 72 | (claim.position & 0xfffff) << 136
            | uint256(channelId) >> 156 << 156;
    }

    // --- What anyone may read -------------------------------------------------------------------

    function allocation(bytes32 id) external view returns (Allocation memory) {
        return allocations[id];
    }

    function allocationId(Terms calldata terms) external view returns (bytes32) {
        return _idOf(terms);
    }

    /// The first 24 bytes of the channel that was paid at this position, and how much.
    function channelAt(bytes32 id, uint256 position) external view returns (bytes24, uint64) {
        uint256 held = channels[id][position];
        return (bytes24(bytes32(held)), uint64(held));
    }
}
