// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EscrowHashes} from "./EscrowHashes.sol";
import {EscrowKeys} from "./EscrowKeys.sol";
import {Allocation, Opening, Refused, Terms} from "./EscrowTypes.sol";

/// The fleet's side: what it sets aside, takes back, and who signs for it.
abstract contract EscrowDeposits is EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 private constant WHOLE = 10_000;
    /// A mandate of a day, its claim window of a week, and two clocks that differ.
    uint256 public constant NOTICE_SECONDS_MIN = 8 days + 120;
    uint256 private constant NOTICE_SECONDS_MAX = 400 days;
    /// Tokens with more decimals than this above an asset's scale are not worth their risk.
    uint256 private constant EXPONENT_MAX = 30;

    /// Who a fleet's name belongs to: whoever opened an allocation under it first.
    mapping(bytes32 fleet => address owner) public ownerOf;
    mapping(bytes32 id => Allocation) internal allocations;

    event Opened(bytes32 indexed id, address indexed owner, Opening opening);
    event SignerRotated(bytes32 indexed id, uint8 algorithm, bytes key, uint64 previousUntil);
    event Funded(bytes32 indexed id, uint64 amount);
    event WithdrawalRequested(bytes32 indexed id, uint64 amount, uint64 availableAt);
    event WithdrawalCancelled(bytes32 indexed id);
    event Withdrawn(bytes32 indexed id, uint64 amount);
    event FeeTaken(bytes32 indexed id, uint64 amount);

    constructor() EIP712("Tickpay", "1") {}

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
        a.signerKeyHash = EscrowKeys.hashOf(opening.signerAlgorithm, opening.signerKey);
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
        a.signerKeyHash = EscrowKeys.hashOf(algorithm, key);
        emit SignerRotated(id, algorithm, key, a.previousUntil);
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

    function _idOf(Terms memory terms) internal view returns (bytes32) {
        return _hashTypedDataV4(EscrowHashes.termsHash(terms));
    }

    function _owned(Terms calldata terms) private view returns (Allocation storage a, bytes32 id) {
        require(ownerOf[terms.fleet] == msg.sender, Refused("not_the_owner"));
        id = _idOf(terms);
        a = allocations[id];
        require(a.noticeSeconds != 0, Refused("unknown_allocation"));
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
        internal
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
}
