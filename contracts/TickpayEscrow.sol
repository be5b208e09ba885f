// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// What fleets set aside for gateways, and what their devices' signatures make of it.
///
/// One deposit for one (fleet, gateway, payee, asset) serves all devices: opening a channel is no
/// transaction. The payee is paid by statements (one signature of the fleet for any number of
/// devices) or, without the fleet, by the evidence of single channels. All amounts are cumulative
/// 64-bit minor units; only what exceeds the amount paid before is paid. Texts enter as their
/// keccak256, since EIP-712 needs no more. No owner, no upgrade, no pause.
contract TickpayEscrow is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// An Allocation as signed; texts hashed.
    struct Terms {
        bytes32 fleet;
        bytes32 gateway;
        address payee;
        bytes32 assetCode;
        uint8 assetScale;
    }

    struct Opening {
        string fleet;
        string gateway;
        address payee;
        string assetCode;
        uint8 assetScale;
        /// Zero for the chain's own coin.
        address token;
        /// Who may collect the gateway's share.
        address feeRecipient;
        uint16 feeBasisPoints;
        uint8 signerAlgorithm;
        /// x || y
        bytes signerKey;
        uint32 noticeSeconds;
    }

    /// Slot 0 is all that evidence writes beside one slot a channel.
    struct Allocation {
        /// Put in and not withdrawn.
        uint64 setAside;
        /// Paid by statements and by evidence, fee included.
        uint64 paid;
        /// Paid by evidence alone; a statement has to name it.
        uint64 evidencePaid;
        uint64 statementSequence;
        bytes32 statementRoot;
        address token;
        uint16 feeBasisPoints;
        uint8 signerAlgorithm;
        uint8 previousAlgorithm;
        /// A minor unit is 10^this of the token's smallest units.
        uint8 exponent;
        uint32 noticeSeconds;
        bytes32 signerKeyHash;
        address feeRecipient;
        uint64 feeTaken;
        uint64 withdrawing;
        uint64 withdrawableAt;
        /// The signer before the last rotation: its mandates pay until this time.
        uint64 previousUntil;
        bytes32 previousKeyHash;
    }

    /// A Statement as signed, without its allocation.
    struct Statement {
        uint256 sequence;
        uint256 total;
        uint256 evidencePaid;
        uint256 positions;
        bytes32 root;
        uint256 issuedAt;
        uint256 expiry;
    }

    /// Evidence of one channel. Fields are whole words in the order in which EIP-712 hashes them.
    /// What all claims share is left out, and the root too: it is where the word leads.
    struct Claim {
        uint256 payerAlgorithm;
        bytes32 payerKeyHash;
        bytes32 meter;
        uint256 position;
        bytes32 salt;
        uint256 mandateSequence;
        uint256 limit;
        uint256 limitPerDay;
        uint256 notBefore;
        uint256 mandateExpiry;
        uint256 claimUntil;
        bytes32 mandateR;
        bytes32 mandateS;
        uint256 kind;
        uint256 epoch;
        uint256 base;
        uint256 length;
        uint256 unitsPerTick;
        uint256 pricePerTick;
        uint256 startReading;
        bytes32 tariffHash;
        uint256 issuedAt;
        uint256 expiry;
        bytes32 commitmentR;
        bytes32 commitmentS;
        uint256 index;
        bytes32 word;
        /// Bits 0-63: amount of the leaf in the last statement; 64-83: levels whose sibling is
        /// given, the others are empty; 84: the leaf is empty; 96-127: where in `more` this claim's
        /// words begin: x and y of a P-256 payer, then the siblings, lowest level first.
        uint256 leaf;
    }

    /// What the claims of one call share; kept in memory while they are judged.
    struct Batch {
        bytes32 id;
        bytes32 separator;
        bytes32 statementRoot;
        bool hasStatement;
        bytes32 signerKeyHash;
        uint256 signerAlgorithm;
        bytes32[2] signerKey;
        /// What is left to pay from.
        uint256 available;
        uint256 paidNow;
        /// The words of a Channel; those that differ are written for each claim.
        bytes32[13] channel;
        bytes32[13] scratch;
        bytes32[20] emptyTrees;
    }

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

    uint256 private constant P256 = 1;
    uint256 private constant SECP256K1 = 3;
    /// Half of the order of P-256: a higher s is the other form of the same signature.
    uint256 private constant P256_HALF_ORDER =
        0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8;
    /// EIP-7951.
    address private constant P256_VERIFY = address(0x100);

    uint256 private constant RENEWAL = 1;
    uint256 private constant CHECKPOINT = 2;
    uint256 private constant EPOCH_LENGTH_MAX = 65_536;
    uint256 public constant MAX_TAIL = 4_096;
    uint256 private constant TREE_DEPTH = 20;
    uint256 private constant WHOLE = 10_000;
    /// A mandate of a day, its claim window of a week, and two clocks that differ.
    uint256 public constant NOTICE_SECONDS_MIN = 8 days + 120;
    uint256 private constant NOTICE_SECONDS_MAX = 400 days;
    /// Tokens with more decimals than this above an asset's scale are not worth their risk.
    uint256 private constant EXPONENT_MAX = 30;

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
    uint8 private constant NO_FUNDS = 12;

    /// Who a fleet's name belongs to: whoever opened an allocation under it first.
    mapping(bytes32 fleet => address owner) public ownerOf;
    mapping(bytes32 id => Allocation) private allocations;
    /// 192 bits of the id of the channel that was paid here first, 64 bits paid by evidence.
    mapping(bytes32 id => mapping(uint256 position => uint256)) private channels;
    mapping(address payee => mapping(address submitter => bool)) public isSubmitter;

    event Opened(bytes32 indexed id, address indexed owner, Opening opening);
    event SignerRotated(bytes32 indexed id, uint8 algorithm, bytes key, uint64 previousUntil);
    event SubmitterNamed(address indexed payee, address indexed submitter, bool allowed);
    event Funded(bytes32 indexed id, uint64 amount);
    event WithdrawalRequested(bytes32 indexed id, uint64 amount, uint64 availableAt);
    event WithdrawalCancelled(bytes32 indexed id);
    event Withdrawn(bytes32 indexed id, uint64 amount);
    event FeeTaken(bytes32 indexed id, uint64 amount);
    event StatementTaken(
        bytes32 indexed id, bytes32 digest, uint64 sequence, uint64 total, uint64 paid, uint32 positions
    );
    /// One outcome a claim, in their order: one event costs less than one for each. Bits 0-7: why
    /// it was refused, 0 where it was not; 8-71: paid now; 72-135: paid by evidence in all;
    /// 136-155: its position, so that a gateway that lost its store finds those that are used;
    /// 156-255: the first 100 bits of the channel's id.
    event Claimed(bytes32 indexed id, uint256[] outcomes);

    error Refused(string reason);

    constructor() EIP712("Tickpay", "1") {}

    // --- The fleet's side -----------------------------------------------------------------------

    /// Opens an allocation and puts `amount` minor units into it; 0 for none yet.
    function open(Opening calldata opening, uint64 amount) external payable nonReentrant {
        Terms memory terms = Terms({
            fleet: keccak256(bytes(opening.fleet)),
            gateway: keccak256(bytes(opening.gateway)),
            payee: opening.payee,
            assetCode: keccak256(bytes(opening.assetCode)),
            assetScale: opening.assetScale
        });
        bytes32 id = _idOf(terms);
        Allocation storage a = allocations[id];
        require(a.noticeSeconds == 0, Refused("allocation_exists"));
        require(opening.payee != address(0), Refused("no_payee"));
        require(opening.assetScale <= 9, Refused("bad_scale"));
        require(opening.feeBasisPoints <= WHOLE, Refused("bad_fee"));
        require(
            opening.feeBasisPoints == 0 || opening.feeRecipient != address(0), Refused("bad_fee")
        );
        require(
            opening.noticeSeconds >= NOTICE_SECONDS_MIN
                && opening.noticeSeconds <= NOTICE_SECONDS_MAX,
            Refused("bad_notice")
        );
        address owner = ownerOf[terms.fleet];
        if (owner == address(0)) ownerOf[terms.fleet] = msg.sender;
        else require(owner == msg.sender, Refused("not_the_owner"));
        a.token = opening.token;
        a.exponent = _exponent(opening.token, opening.assetScale);
        a.feeBasisPoints = opening.feeBasisPoints;
        a.feeRecipient = opening.feeRecipient;
        a.noticeSeconds = opening.noticeSeconds;
        a.signerAlgorithm = opening.signerAlgorithm;
        a.signerKeyHash = _keyHash(opening.signerAlgorithm, opening.signerKey);
        emit Opened(id, msg.sender, opening);
        if (amount > 0) _take(a, id, amount);
        else require(msg.value == 0, Refused("wrong_value"));
    }

    /// Only the owner, so that nobody pays into an allocation that a reorganisation gave to others.
    function fund(Terms calldata terms, uint64 amount) external payable nonReentrant {
        (Allocation storage a, bytes32 id) = _owned(terms);
        _take(a, id, amount);
    }

    /// Asks money back. Claims may use it until the notice is over.
    function requestWithdrawal(Terms calldata terms, uint64 amount) external nonReentrant {
        (Allocation storage a, bytes32 id) = _owned(terms);
        require(a.withdrawing == 0, Refused("withdrawal_waiting"));
        require(amount > 0 && amount <= a.setAside - a.paid, Refused("not_available"));
        a.withdrawing = amount;
        a.withdrawableAt = uint64(block.timestamp) + a.noticeSeconds;
        emit WithdrawalRequested(id, amount, a.withdrawableAt);
    }

    function cancelWithdrawal(Terms calldata terms) external nonReentrant {
        (Allocation storage a, bytes32 id) = _owned(terms);
        require(a.withdrawing > 0, Refused("unknown_withdrawal"));
        a.withdrawing = 0;
        emit WithdrawalCancelled(id);
    }

    /// Gives the owner what was asked for, or what claims have left of it.
    function withdraw(Terms calldata terms) external nonReentrant {
        (Allocation storage a, bytes32 id) = _owned(terms);
        require(a.withdrawing > 0, Refused("unknown_withdrawal"));
        require(block.timestamp >= a.withdrawableAt, Refused("too_early"));
        uint64 left = a.setAside - a.paid;
        uint64 amount = a.withdrawing < left ? a.withdrawing : left;
        a.withdrawing = 0;
        a.setAside -= amount;
        emit Withdrawn(id, amount);
        _send(a, msg.sender, amount);
    }

    /// The new signer is in force at once. Mandates of the one before pay until a notice is over,
    /// or a fleet could make them worthless after the service was given.
    function rotateSigner(Terms calldata terms, uint8 algorithm, bytes calldata key)
        external
        nonReentrant
    {
        (Allocation storage a, bytes32 id) = _owned(terms);
        require(block.timestamp > a.previousUntil, Refused("rotation_waiting"));
        a.previousAlgorithm = a.signerAlgorithm;
        a.previousKeyHash = a.signerKeyHash;
        a.previousUntil = uint64(block.timestamp) + a.noticeSeconds;
        a.signerAlgorithm = algorithm;
        a.signerKeyHash = _keyHash(algorithm, key);
        emit SignerRotated(id, algorithm, key, a.previousUntil);
    }

    // --- The payee's side -----------------------------------------------------------------------

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
            _isCount(statement.sequence | statement.issuedAt | statement.expiry)
                && statement.issuedAt < statement.expiry
                && statement.positions <= 1 << TREE_DEPTH,
            Refused("malformed")
        );
        require(statement.sequence > a.statementSequence, Refused("old_sequence"));
        require(block.timestamp <= statement.expiry, Refused("expired"));
        require(statement.evidencePaid == a.evidencePaid, Refused("evidence_differs"));
        require(statement.total <= a.setAside, Refused("no_funds"));
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(STATEMENT_TYPE, id, statement)));
        require(
            _isSigned(digest, r, s, a.signerAlgorithm, a.signerKeyHash, signerKey[0], signerKey[1]),
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

    /// Sends the gateway's share of all that was paid, less what it had, to its recipient.
    function takeFee(Terms calldata terms) external nonReentrant {
        bytes32 id = _idOf(terms);
        Allocation storage a = allocations[id];
        uint64 fee = _feeOf(a.paid, a.feeBasisPoints);
        uint64 due = fee - a.feeTaken;
        if (due == 0) return;
        a.feeTaken = fee;
        emit FeeTaken(id, due);
        _send(a, a.feeRecipient, due);
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

    // --- Judging a claim ------------------------------------------------------------------------

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
        batch.channel[0] = CHANNEL_TYPE;
        batch.channel[3] = bytes32(uint256(uint160(terms.payee)));
        batch.channel[4] = bytes32(uint256(a.feeBasisPoints));
        batch.channel[5] = terms.fleet;
        batch.channel[6] = terms.gateway;
        batch.channel[7] = terms.assetCode;
        batch.channel[8] = bytes32(uint256(terms.assetScale));
        batch.channel[10] = batch.id;
        if (!batch.hasStatement) return;
        batch.statementRoot = a.statementRoot;
        for (uint256 level = 1; level < TREE_DEPTH; level++) {
            bytes32 below = batch.emptyTrees[level - 1];
            batch.emptyTrees[level] = _node(below, below);
        }
    }

    function _claim(
        Batch memory batch,
        Claim calldata claim,
        bytes32[] calldata more,
        mapping(uint256 => uint256) storage paidAt
    ) private returns (uint256) {
        bytes32 channelId = _channelId(batch, claim);
        uint256 held = claim.position >> 20 == 0 ? paidAt[claim.position] : 0;
        (uint8 reason, uint256 amount, uint256 before) =
            _judge(batch, claim, more, channelId, held);
        uint256 evidence = uint64(held);
        uint256 difference = 0;
        if (reason == 0 && amount > before) {
            difference = amount - before;
            if (difference > batch.available) {
                reason = NO_FUNDS;
                difference = 0;
            } else {
                batch.available -= difference;
                batch.paidNow += difference;
                evidence = amount;
                paidAt[claim.position] = (uint256(channelId) >> 64 << 64) | amount;
            }
        }
        return reason | difference << 8 | evidence << 72 | (claim.position & 0xfffff) << 136
            | uint256(channelId) >> 156 << 156;
    }

    /// The amount that a claim proves, and what its channel was paid before by either path.
    function _judge(
        Batch memory batch,
        Claim calldata claim,
        bytes32[] calldata more,
        bytes32 channelId,
        uint256 held
    ) private view returns (uint8 reason, uint256 amount, uint256 before) {
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

    function _isWellFormed(Claim calldata claim) private pure returns (bool) {
        if (claim.position >> 20 != 0) return false;
        if (claim.payerAlgorithm != P256 && claim.payerAlgorithm != SECP256K1) return false;
        uint256 counts = claim.mandateSequence | claim.notBefore | claim.mandateExpiry
            | claim.claimUntil | claim.issuedAt | claim.expiry;
        if (!_isCount(counts)) return false;
        if (claim.notBefore >= claim.mandateExpiry || claim.mandateExpiry > claim.claimUntil) return false;
        if (claim.kind != RENEWAL && claim.kind != CHECKPOINT) return false;
        if (claim.epoch == 0 || claim.epoch >> 32 != 0) return false;
        if (claim.length == 0 || claim.length > EPOCH_LENGTH_MAX) return false;
        uint256 words = claim.limit | claim.limitPerDay | claim.base | claim.unitsPerTick
            | claim.pricePerTick | claim.startReading;
        if (words >> 64 != 0 || claim.unitsPerTick == 0) return false;
        // Below 2^82 each.
        unchecked {
            if ((claim.base + claim.length * claim.pricePerTick) >> 64 != 0) return false;
            return (claim.startReading + claim.length * claim.unitsPerTick) >> 64 == 0;
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
            node = keccak256(abi.encodePacked(uint8(0), uint32(place), channelId, uint64(amount)));
        }
        uint256 next = uint32(leaf >> 96) + (claim.payerAlgorithm == P256 ? 2 : 0);
        for (uint256 level = 0; level < TREE_DEPTH; level++) {
            bytes32 sibling = batch.emptyTrees[level];
            if (leaf >> 64 + level & 1 == 1) {
                if (next >= more.length) return (false, 0);
                sibling = more[next++];
            }
            node = place >> level & 1 == 0 ? _node(node, sibling) : _node(sibling, node);
        }
        return (node == batch.statementRoot, amount);
    }

    function _channelId(Batch memory batch, Claim calldata claim) private pure returns (bytes32) {
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

    function _isMandateSigned(Batch memory batch, Claim calldata claim, bytes32 channelId)
        private
        view
        returns (bool)
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
        bytes32 digest = MessageHashUtils.toTypedDataHash(batch.separator, hash);
        return _isSigned(
            digest,
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
        bytes32 digest = MessageHashUtils.toTypedDataHash(
            batch.separator, _commitmentHash(batch.scratch, claim, channelId)
        );
        return _isSigned(
            digest,
            claim.commitmentR,
            claim.commitmentS,
            claim.payerAlgorithm,
            claim.payerKeyHash,
            x,
            y
        );
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
    function _walk(bytes32 terms, uint256 index, bytes32 word) private view returns (bytes32) {
        if (index == 0) return word;
        bool isDone = true;
        assembly ("memory-safe") {
            // The block ends at block + 64, so that its first 23 bytes end one word and the
            // chain's word is the next, and every answer falls into its place.
            let start := mload(0x40)
            let tail := add(start, 32)
            let head := add(start, 9)
            let last := or(shl(160, 0x545001), shl(32, shr(128, terms)))
            mstore(tail, word)
            for { let step := or(last, index) } gt(step, last) { step := sub(step, 1) } {
                mstore(start, step)
                isDone := and(staticcall(gas(), 2, head, 55, tail, 32), isDone)
            }
            word := mload(tail)
        }
        require(isDone);
        return word;
    }

    /// 64-byte signatures with low s only. For secp256k1 the top bit of s is the parity of R
    /// (EIP-2098), since the key is recovered and its hash compared.
    function _isSigned(
        bytes32 digest,
        bytes32 r,
        bytes32 s,
        uint256 algorithm,
        bytes32 keyHash,
        bytes32 x,
        bytes32 y
    ) private view returns (bool) {
        if (algorithm == SECP256K1) {
            (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, r, s);
            return problem == ECDSA.RecoverError.NoError
                && signer == address(uint160(uint256(keyHash)));
        }
        if (algorithm != P256 || uint256(s) > P256_HALF_ORDER) return false;
        if (keccak256(abi.encode(x, y)) != keyHash) return false;
        // Hardware for P-256 hashes what it signs. A chain without the precompile answers nothing.
        (bool isDone, bytes memory answer) =
            P256_VERIFY.staticcall(abi.encode(sha256(abi.encode(digest)), r, s, x, y));
        return isDone && answer.length == 32 && uint256(bytes32(answer)) == 1;
    }

    // --- Small things ---------------------------------------------------------------------------

    function _idOf(Terms memory terms) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ALLOCATION_TYPE, terms)));
    }

    function _owned(Terms calldata terms) private view returns (Allocation storage a, bytes32 id) {
        require(ownerOf[terms.fleet] == msg.sender, Refused("not_the_owner"));
        id = _idOf(terms);
        a = allocations[id];
        require(a.noticeSeconds != 0, Refused("unknown_allocation"));
    }

    function _onlyPayeesSide(address payee) private view {
        require(
            msg.sender == payee || isSubmitter[payee][msg.sender], Refused("not_the_payee")
        );
    }

    function _keyHash(uint8 algorithm, bytes calldata key) private pure returns (bytes32) {
        require(algorithm == P256 || algorithm == SECP256K1, Refused("bad_key"));
        require(key.length == 64, Refused("bad_key"));
        return keccak256(key);
    }

    function _exponent(address token, uint8 scale) private view returns (uint8) {
        uint8 decimals = token == address(0) ? 18 : IERC20Metadata(token).decimals();
        require(decimals >= scale && decimals - scale <= EXPONENT_MAX, Refused("bad_scale"));
        return decimals - scale;
    }

    /// The gateway's share of the cumulative total: the floor.
    function _feeOf(uint64 total, uint16 basisPoints) private pure returns (uint64) {
        return uint64(uint256(total) * basisPoints / WHOLE);
    }

    /// Puts `amount` in. A token that delivers less than it was asked for is refused.
    function _take(Allocation storage a, bytes32 id, uint64 amount) private {
        require(amount > 0, Refused("no_amount"));
        a.setAside += amount;
        emit Funded(id, amount);
        uint256 value = uint256(amount) * 10 ** a.exponent;
        address token = a.token;
        require(msg.value == (token == address(0) ? value : 0), Refused("wrong_value"));
        if (token == address(0)) return;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), value);
        require(
            IERC20(token).balanceOf(address(this)) - before == value, Refused("token_takes_a_fee")
        );
    }

    /// The payee's part of `difference`, paid after `paidBefore`; the fee stays until it is taken.
    function _payOut(Allocation storage a, address payee, uint64 paidBefore, uint64 difference)
        private
    {
        uint16 share = a.feeBasisPoints;
        uint64 fee = _feeOf(paidBefore + difference, share) - _feeOf(paidBefore, share);
        _send(a, payee, difference - fee);
    }

    function _send(Allocation storage a, address to, uint64 amount) private {
        if (amount == 0) return;
        uint256 value = uint256(amount) * 10 ** a.exponent;
        address token = a.token;
        if (token == address(0)) Address.sendValue(payable(to), value);
        else IERC20(token).safeTransfer(to, value);
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore8(start, 1)
            mstore(add(start, 1), left)
            mstore(add(start, 33), right)
            node := keccak256(start, 65)
        }
    }

    /// Counts and times are whole numbers that JSON can carry.
    function _isCount(uint256 value) private pure returns (bool) {
        return value >> 53 == 0;
    }
}
