// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A token for demonstrations, benchmarks and tests: whoever asks gets some. Worth nothing.
contract DemoToken is ERC20 {
    uint8 private immutable places;

    constructor(uint8 places_) ERC20("Tickpay demonstration", "DEMO") {
        places = places_;
    }

    function decimals() public view override returns (uint8) {
        return places;
    }

    function mint(address to, uint256 value) external {
        _mint(to, value);
    }
}
