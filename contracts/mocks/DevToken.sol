// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A worthless token for local chains, with a faucet
/// @dev Warning: anyone mints. Refused wherever chainId is not 31337.
contract DevToken is ERC20Permit {
    error LocalOnly(uint256 chainId, uint256 expected);

    constructor() ERC20("Assay development token", "DEV") ERC20Permit("Assay development token") {
        require(block.chainid == 31337, LocalOnly(block.chainid, 31337));
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
