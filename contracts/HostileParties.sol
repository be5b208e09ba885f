// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// For tests: a token that delivers 1 % less than it was asked for.
contract TaxingToken is ERC20 {
    constructor() ERC20("Taxing", "TAX") {}

    function mint(address to, uint256 value) external {
        _mint(to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), value / 100);
    }
}

/// For tests: a payee that calls the escrow again while it is being paid.
contract ReenteringPayee {
    address private immutable escrow;
    bytes public again;
    bool public wasRefused;

    constructor(address escrow_) {
        escrow = escrow_;
    }

    function prepare(bytes calldata call_) external {
        again = call_;
    }

    function run(bytes calldata call_) external {
        (bool done, bytes memory answer) = escrow.call(call_);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }

    receive() external payable {
        if (again.length == 0) return;
        (bool done,) = escrow.call(again);
        wasRefused = !done;
    }
}
