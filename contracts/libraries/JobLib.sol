// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubTypes} from "../interfaces/IHubTypes.sol";
import {Job, Slot, Spec, StageVotes} from "../types/Types.sol";
import {VoteRules} from "./VoteRules.sol";

/// @title Identity and storage form of a job (protocol.md section 2); mirror: offchain/core/job-id.ts
library JobLib {
    // Bits of `Slot.flags`; the two lowest hold the escalation rounds a stage.
    uint8 internal constant ROUNDS = 3;
    uint8 internal constant LINEAR = 4; // the model needs no stage table
    uint8 internal constant OUTPUT_PUBLIC = 8; // the result's bytes may be passed to the callback
    uint8 internal constant DELIVERED = 16; // the callback ran, or there is none
    uint8 internal constant PINNED = 32; // the second slot holds the record's hash
    uint8 internal constant PROBED = 64; // the model has a probe: votes without payload are abstentions there
    uint8 internal constant PROPOSED = 128; // OPTIMISTIC: the primary is bound; whatever is OPEN from here on is voted on

    /// keccak256(abi.encode("assay.v1.spec", spec)), in one copy: a spec is 23 static words.
    function specHash(Spec calldata spec) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            // Beyond the free pointer; nothing is kept.
            let p := mload(0x40)
            mstore(p, 0x300)
            calldatacopy(add(p, 0x20), spec, 0x2e0)
            mstore(add(p, 0x300), 13)
            mstore(add(p, 0x320), "assay.v1.spec")
            hash := keccak256(p, 0x340)
        }
    }

    /// Whether every member lies in its type's range. Hash and event copy the calldata as it is, so a second spelling
    /// would make a job that honest decoders cannot read, and its seats look absent.
    function isCanonical(Spec calldata spec) internal pure returns (bool canonical) {
        assembly ("memory-safe") {
            function word(base, i) -> w {
                w := calldataload(add(base, shl(5, i)))
            }
            // uint8: stages, mask, k, cls; uint16: auditBps
            let over := shr(8, or(or(word(spec, 3), word(spec, 4)), or(word(spec, 5), word(spec, 7))))
            over := or(over, shr(16, word(spec, 6)))
            // uint32: flags, window, tWork, tReveal, ticketClass, callbackGas, paramsVersion; uint48: expiry
            let w := or(or(word(spec, 8), word(spec, 10)), or(word(spec, 11), word(spec, 12)))
            over := or(over, shr(32, or(w, or(or(word(spec, 13), word(spec, 19)), word(spec, 21)))))
            over := or(over, shr(48, word(spec, 20)))
            // uint96: seatStake, seatReward, pokeFee, insuredValue; address: client, callback
            over := or(over, shr(96, or(or(word(spec, 9), word(spec, 14)), or(word(spec, 15), word(spec, 16)))))
            canonical := iszero(or(over, shr(160, or(word(spec, 17), word(spec, 18)))))
        }
    }

    /// emit JobRequested(jobId, msg.sender, spec.modelId, nonce, spec), in one copy; the spec must be canonical.
    function emitRequested(bytes32 jobId, uint96 nonce, Spec calldata spec) internal {
        bytes32 topic = IHubTypes.JobRequested.selector;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, nonce)
            calldatacopy(add(p, 0x20), spec, 0x2e0)
            log4(p, 0x300, topic, jobId, caller(), calldataload(spec))
        }
    }

    /// keccak256(abi.encode("assay.v1.job", chainId, hub, requester, nonce, specHash)); the hub is this contract.
    function idOf(address requester, uint96 nonce, Spec calldata spec) internal view returns (bytes32 id) {
        bytes32 hash = specHash(spec);
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, 0xc0)
            mstore(add(p, 0x20), chainid())
            mstore(add(p, 0x40), address())
            mstore(add(p, 0x60), requester)
            mstore(add(p, 0x80), nonce)
            mstore(add(p, 0xa0), hash)
            mstore(add(p, 0xc0), 12)
            mstore(add(p, 0xe0), "assay.v1.job")
            id := keccak256(p, 0x100)
        }
    }

    function idOf(Job calldata job) internal view returns (bytes32) {
        return idOf(job.requester, job.nonce, job.spec);
    }

    /// Reads a job. While it lives: the packed first slot, and `word` from the second once something is pinned there.
    /// At its end one slot says all: state u8, stage (reason) u8, round (stages judged late) u8, flags u8, deadline u32, and
    /// 192 bits of `word`.
    function load(Slot storage stored) internal view returns (Slot memory s) {
        assembly ("memory-safe") {
            let w := sload(stored.slot)
            mstore(s, and(w, 0xff))
            mstore(add(s, 0x20), and(shr(8, w), 0xff))
            mstore(add(s, 0x40), and(shr(16, w), 0xff))
            mstore(add(s, 0x60), and(shr(24, w), 0xff))
            switch gt(and(w, 0xff), 4)
            case 1 {
                mstore(add(s, 0xa0), and(shr(32, w), 0xffffffff))
                mstore(add(s, 0x100), shl(64, shr(64, w)))
            }
            default {
                mstore(add(s, 0x80), and(shr(32, w), 0xffffffffffff))
                mstore(add(s, 0xa0), and(shr(80, w), 0xffffffffffff))
                mstore(add(s, 0xc0), and(shr(128, w), 0xffff))
                mstore(add(s, 0xe0), shr(144, w))
                // PINNED
                if and(shr(24, w), 32) {
                    mstore(add(s, 0x100), sload(add(stored.slot, 1)))
                }
            }
        }
    }

    /// Writes a living job's first slot with one SSTORE.
    function save(Slot storage stored, Slot memory s) internal {
        assembly ("memory-safe") {
            let w := or(or(mload(s), shl(8, mload(add(s, 0x20)))), shl(16, mload(add(s, 0x40))))
            w := or(or(w, shl(24, mload(add(s, 0x60)))), shl(32, mload(add(s, 0x80))))
            w := or(or(w, shl(80, mload(add(s, 0xa0)))), shl(128, mload(add(s, 0xc0))))
            sstore(stored.slot, or(w, shl(144, mload(add(s, 0xe0)))))
        }
    }

    /// Writes an ended job: one slot. An undisputed job never touches a second one (20,000 gas); others free it.
    function saveEnd(Slot storage stored, Slot memory s) internal {
        assembly ("memory-safe") {
            let w := or(or(mload(s), shl(8, mload(add(s, 0x20)))), shl(16, mload(add(s, 0x40))))
            w := or(w, shl(24, mload(add(s, 0x60))))
            w := or(w, shl(32, and(mload(add(s, 0xa0)), 0xffffffff)))
            sstore(stored.slot, or(w, shl(64, shr(64, mload(add(s, 0x100))))))
        }
    }

    /// What `Slot.word` is at FINAL: keccak256(abi.encode(outDigest, recordHash)) with its low 64 bits cleared. The 192
    /// bits left share a slot with the state; two results with one word cost 2^96 hashes, another one for a given word 2^192.
    function finalWord(bytes32 outDigest, bytes32 recordHash) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            mstore(0, outDigest)
            mstore(0x20, recordHash)
            word := shl(64, shr(64, keccak256(0, 0x40)))
        }
    }

    /// keccak256(abi.encode(record)) of a job whose seats all said their stage's one vote: the record is never built.
    function unanimousRecordHash(
        uint32[] memory ids,
        uint256 k,
        StageVotes[] calldata votes
    ) internal pure returns (bytes32 hash) {
        uint256 stages = votes.length;
        bytes32[] memory outs = new bytes32[](stages);
        bytes32[] memory words = new bytes32[](stages);
        for (uint256 s; s < stages; ++s) {
            outs[s] = votes[s].outs[0];
            words[s] = VoteRules.say(outs[s], votes[s].payloads[0]);
        }
        // From here on nothing may allocate: the encoding lies beyond the free memory pointer.
        (uint256 start, uint256 offsets) = _recordHead(ids, outs);
        uint256 p = offsets + (stages << 5);
        for (uint256 s; s < stages; ++s) {
            assembly ("memory-safe") {
                mstore(add(offsets, shl(5, s)), sub(p, offsets))
            }
            p = _recordTally(p, ids, s, k, words[s]);
        }
        assembly ("memory-safe") {
            hash := keccak256(start, sub(p, start))
        }
    }

    /// Writes all up to the tallies beyond the free memory pointer.
    /// @return start of the encoding
    /// @return offsets where the tallies' offsets belong
    function _recordHead(
        uint32[] memory ids,
        bytes32[] memory outs
    ) private pure returns (uint256 start, uint256 offsets) {
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(start, 0x20)
            let head := add(start, 0x20)
            // Offsets of seats, boundaries and tallies, then `decided` = 0.
            mstore(head, 0x80)
            let p := add(head, 0x80)
            let size := shl(5, add(mload(ids), 1))
            mcopy(p, ids, size)
            p := add(p, size)
            mstore(add(head, 0x20), sub(p, head))
            size := shl(5, add(mload(outs), 1))
            mcopy(p, outs, size)
            p := add(p, size)
            mstore(add(head, 0x40), sub(p, head))
            mstore(add(head, 0x60), 0)
            mstore(p, mload(outs))
            offsets := add(p, 0x20)
        }
    }

    /// Writes {stage s, round 0, seats, said: k times word, no challenger, no bond} at p.
    function _recordTally(
        uint256 p,
        uint32[] memory ids,
        uint256 s,
        uint256 k,
        bytes32 word
    ) private pure returns (uint256 end) {
        assembly ("memory-safe") {
            mstore(p, s)
            mstore(add(p, 0x20), 0)
            mstore(add(p, 0x40), 0xc0)
            mstore(add(p, 0x60), add(0xe0, shl(5, k)))
            mstore(add(p, 0x80), 0)
            mstore(add(p, 0xa0), 0)
            end := add(p, 0xc0)
            mstore(end, k)
            mcopy(add(end, 0x20), add(add(ids, 0x20), shl(5, mul(s, k))), shl(5, k))
            end := add(end, shl(5, add(k, 1)))
            mstore(end, k)
            for {
                let i := 0
            } lt(i, k) {
                i := add(i, 1)
            } {
                end := add(end, 0x20)
                mstore(end, word)
            }
            end := add(end, 0x20)
        }
    }
}
