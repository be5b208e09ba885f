// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {P256, Refused, SECP256K1} from "./EscrowTypes.sol";

/// Whose signature it is: secp256k1 by recovery, P-256 by the chain's precompile.
library EscrowKeys {
    /// Half of the order of P-256: a higher s is the other form of the same signature.
    uint256 internal constant P256_HALF_ORDER =
        0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8;
    /// EIP-7951.
    address internal constant P256_VERIFY = address(0x100);

    function hashOf(uint8 algorithm, bytes calldata key) internal pure returns (bytes32) {
        require(algorithm == P256 || algorithm == SECP256K1, Refused("bad_key"));
        require(key.length == 64, Refused("bad_key"));
        return keccak256(key);
    }

    /// 64-byte signatures with low s only. For secp256k1 the top bit of s is the parity of R
    /// (EIP-2098), since the key is recovered and its hash compared.
    function isSigned(
        bytes32 digest,
        bytes32 r,
        bytes32 s,
        uint256 algorithm,
        bytes32 keyHash,
        bytes32 x,
        bytes32 y
    ) internal view returns (bool) {
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
}
