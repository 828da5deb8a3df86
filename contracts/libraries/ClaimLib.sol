// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title EIP-712 messages of seats (protocol.md section 4); mirror: offchain/core/claim.ts
/// @dev Assembly writes beyond the free memory pointer and keeps nothing: one committee hashes some thirty structs.
library ClaimLib {
    bytes32 internal constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 internal constant CLAIM_TYPEHASH = keccak256(
        "Claim(bytes32 jobId,uint16 stage,bytes32 inDigest,bytes32 outDigest,address worker)"
    );
    bytes32 internal constant COMMIT_TYPEHASH = keccak256(
        "Commit(bytes32 jobId,uint16 stage,uint8 round,bytes32 commitment)"
    );
    bytes32 internal constant REVEAL_TYPEHASH = keccak256(
        "Reveal(Claim claim,uint8 round,bytes32 payload,bytes32 extra,bytes32 commitSet)"
        "Claim(bytes32 jobId,uint16 stage,bytes32 inDigest,bytes32 outDigest,address worker)"
    );
    bytes32 internal constant COMMIT_TAG = keccak256("assay.v1.commit");
    bytes32 internal constant COMMIT_SET_TAG = keccak256("assay.v1.commit-set");
    /// Half the order of secp256k1: a signature with a larger s is the malleated twin of another.
    uint256 internal constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function domainSeparator(address hub) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("Assay"), keccak256("1"), block.chainid, hub));
    }

    function claimHash(
        bytes32 jobId,
        uint256 stage,
        bytes32 inDigest,
        bytes32 outDigest,
        address worker
    ) internal pure returns (bytes32 hash) {
        bytes32 typeHash = CLAIM_TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            mstore(add(p, 0x20), jobId)
            mstore(add(p, 0x40), stage)
            mstore(add(p, 0x60), inDigest)
            mstore(add(p, 0x80), outDigest)
            mstore(add(p, 0xa0), worker)
            hash := keccak256(p, 0xc0)
        }
    }

    /// What a seat is bound to before anyone opens.
    function commitment(
        bytes32 domain,
        bytes32 claim,
        uint256 round,
        bytes32 payload,
        bytes32 salt
    ) internal pure returns (bytes32 hash) {
        bytes32 tag = COMMIT_TAG;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, tag)
            mstore(add(p, 0x20), domain)
            mstore(add(p, 0x40), claim)
            mstore(add(p, 0x60), round)
            mstore(add(p, 0x80), payload)
            mstore(add(p, 0xa0), salt)
            hash := keccak256(p, 0xc0)
        }
    }

    function commitDigest(
        bytes32 domain,
        bytes32 jobId,
        uint256 stage,
        uint256 round,
        bytes32 commitment_
    ) internal pure returns (bytes32) {
        return typed(domain, keccak256(abi.encode(COMMIT_TYPEHASH, jobId, stage, round, commitment_)));
    }

    /// The digest that a seat signs over its opening; `extra` is 0 in class E.
    function revealDigest(
        bytes32 domain,
        bytes32 claim,
        uint256 round,
        bytes32 payload,
        bytes32 extra,
        bytes32 commitSet
    ) internal pure returns (bytes32) {
        bytes32 typeHash = REVEAL_TYPEHASH;
        bytes32 hash;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            mstore(add(p, 0x20), claim)
            mstore(add(p, 0x40), round)
            mstore(add(p, 0x60), payload)
            mstore(add(p, 0x80), extra)
            mstore(add(p, 0xa0), commitSet)
            hash := keccak256(p, 0xc0)
        }
        return typed(domain, hash);
    }

    /// @return signer of an EIP-2098 signature; 0 if it is invalid or malleated
    function recover(bytes32 digest, bytes32 r, bytes32 vs) internal view returns (address signer) {
        uint256 halfOrder = HALF_ORDER;
        assembly ("memory-safe") {
            let s := shr(1, shl(1, vs))
            if iszero(gt(s, halfOrder)) {
                let p := mload(0x40)
                mstore(p, digest)
                mstore(add(p, 0x20), add(shr(255, vs), 27))
                mstore(add(p, 0x40), r)
                mstore(add(p, 0x60), s)
                // ecrecover returns nothing for an invalid signature: the scratch word stays 0.
                mstore(0, 0)
                pop(staticcall(gas(), 1, p, 0x80, 0, 0x20))
                signer := mload(0)
            }
        }
    }

    /// The digest that is signed over a struct.
    function typed(bytes32 domain, bytes32 structHash) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(240, 0x1901))
            mstore(add(p, 2), domain)
            mstore(add(p, 0x22), structHash)
            digest := keccak256(p, 0x42)
        }
    }
}
