// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Parameter sets of encrypted evaluation; mirror: offchain/core/she/profiles.ts
/// @dev The only ones there are: whoever could choose primes could choose weak ones.
library SheProfileLib {
    // Eight 32-bit words each, the first lowest: primes in ascending order, and the smallest primitive 2N-th root of each.
    uint256 private constant _PRIMES_13 = 0x000000003fff40013ffe80013ffc00013ffb40013ff940013ff840013ff78001;
    uint256 private constant _ROOTS_13 = 0x000000000000ceb900017d0c00007d8a0002990c0000141600036b5400018b58;
    uint256 private constant _PRIMES_14 = 0x3ffe80013ffc00013ff780013ff580013ff280013fed00013fde00013fdc8001;
    uint256 private constant _ROOTS_14 = 0x0003a4fe0000feca0000288d00002a62000266a90000404600005ce10000f283;

    error ProfileUnknown(uint256 profile);

    /// @return bits log2 of the ring's degree
    /// @return count primes, the special one's last
    function shape(uint256 profile) internal pure returns (uint256 bits, uint256 count) {
        if (profile == 1) return (13, 6);
        if (profile == 2) return (13, 7);
        if (profile == 3) return (14, 8);
        if (profile == 4) return (13, 5);
        revert ProfileUnknown(profile);
    }

    /// @return p the prime at `index`
    /// @return root a primitive 2N-th root of unity modulo it
    function primeAt(uint256 profile, uint256 index) internal pure returns (uint256 p, uint256 root) {
        (uint256 bits, uint256 count) = shape(profile);
        // Profiles of one ring share its largest primes.
        uint256 shift = bits == 13 ? (index + 7 - count) << 5 : index << 5;
        p = ((bits == 13 ? _PRIMES_13 : _PRIMES_14) >> shift) & 0xffffffff;
        root = ((bits == 13 ? _ROOTS_13 : _ROOTS_14) >> shift) & 0xffffffff;
    }
}
