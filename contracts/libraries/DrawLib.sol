// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The committee draw (protocol.md section 5); mirror: offchain/core/draw.ts
/// @notice Draws distinct workers from a table of tickets by a stream of hashes. It reads tickets through a function, so
/// that the vault runs it over storage and tests over arrays.
library DrawLib {
    error PoolTooSmall(uint256 actual, uint256 expected);

    /// The arguments of a draw, in memory: on the stack they are too many.
    struct Source {
        function(uint256, uint256) view returns (uint32) cellAt;
        uint256 table;
        uint256 length;
        uint256 ticketClass;
        bytes32 seed;
    }

    /// `stage` of the one stream that seats all stages of round 0: stage s owns its draws [sk, sk+k).
    uint16 internal constant ROUND_0 = 0xffff;
    /// `stage` of an OPTIMISTIC job's lottery, and of the stream that its auditors come from.
    uint16 internal constant AUDIT = 0xfffe;
    /// Draws among which a k = 1 or two-vendor job's primary must be.
    uint256 internal constant CANDIDATES = 12;

    /// The seed of one committee from its beat's randomness.
    function seedFor(bytes32 beat, bytes32 jobId, uint16 stage, uint8 round) internal pure returns (bytes32) {
        return keccak256(abi.encode("assay.v1.draw", beat, jobId, stage, round));
    }

    /// The table index of the i-th try: keccak256(seed, class * 2^128 + i) mod length, both words of 32 bytes.
    /// The class is bound in, so equal seeds draw independently in different classes.
    /// @dev `length` must not be 0; `ticketClass` is below 2^32. The modulo bias is below 2^-200.
    function indexAt(
        bytes32 seed,
        uint256 ticketClass,
        uint256 i,
        uint256 length
    ) internal pure returns (uint256 index) {
        assembly ("memory-safe") {
            // Scratch space holds exactly these two words.
            mstore(0, seed)
            mstore(32, or(shl(128, ticketClass), i))
            index := mod(keccak256(0, 64), length)
        }
    }

    /// `n` distinct worker ids, none of them in `excluded`, in seat order. A worker holding t of `length` tickets is
    /// drawn with probability t / length; repeats are skipped. After 4n+32 tries the table is walked upwards from the
    /// last try's index, cyclically and once, so every draw that can be completed ends.
    /// @param cellAt the worker id at a table index (0: an empty cell, skipped), given `table` and the index
    /// @param table passed to `cellAt` as it is, for instance a storage slot and a version
    /// @dev Reverts `PoolTooSmall(found, n)` if the table does not hold `n` other workers.
    function draw(
        function(uint256, uint256) view returns (uint32) cellAt,
        uint256 table,
        uint256 length,
        uint256 ticketClass,
        bytes32 seed,
        uint32[] calldata excluded,
        uint256 n
    ) internal view returns (uint32[] memory ids) {
        ids = new uint32[](n);
        if (n == 0) return ids;
        if (length == 0) revert PoolTooSmall(0, n);
        _fill(ids, Source(cellAt, table, length, ticketClass, seed), excluded);
    }

    function _fill(uint32[] memory ids, Source memory source, uint32[] calldata excluded) private view {
        // Bit (id mod 256) is set for every id that is taken: only a set bit needs the two scans of `_isTaken`. Bit 0
        // is set for the empty cell.
        uint256 seen = 1;
        uint256 length = source.length;
        uint256 found;
        uint256 index;
        // Bounds: i < 4n + 32 + length, found < n, all far below 2^256.
        unchecked {
            for (uint256 e; e < excluded.length; ++e) seen |= 1 << (excluded[e] & 0xff);
            for (uint256 i; ; ++i) {
                if (i < 4 * ids.length + 32) index = indexAt(source.seed, source.ticketClass, i, length);
                else if (i == 4 * ids.length + 32 + length) revert PoolTooSmall(found, ids.length);
                else if (++index == length) index = 0;
                uint32 id = source.cellAt(source.table, index);
                if ((seen >> (id & 0xff)) & 1 == 1 && _isTaken(id, ids, found, excluded)) continue;
                seen |= 1 << (id & 0xff);
                ids[found] = id;
                if (++found == ids.length) return;
            }
        }
    }

    function _isTaken(
        uint32 id,
        uint32[] memory ids,
        uint256 found,
        uint32[] calldata excluded
    ) private pure returns (bool) {
        if (id == 0) return true;
        unchecked {
            for (uint256 j; j < found; ++j) if (ids[j] == id) return true;
            for (uint256 j; j < excluded.length; ++j) if (excluded[j] == id) return true;
        }
        return false;
    }
}
