// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title BLS signatures in G1 of BLS12-381, over the precompiles of EIP-2537
/// @notice Points as the precompiles take them: field elements are 64 bytes, big-endian, the first 16 of them 0; an element
/// of Fp2 is c0, then c1. G1 points are 128 bytes, G2 points 256.
/// @dev The precompiles refuse coordinates that are not below the field's order and points that are not on their curve; the
/// pairing also points outside the prime-order subgroup.
library Bls12381Lib {
    address private constant _MODEXP = address(0x05);
    address private constant _G1_ADD = address(0x0b);
    address private constant _PAIRING = address(0x0f);
    address private constant _MAP_TO_G1 = address(0x10);

    /// The field's order p, in two words.
    bytes32 private constant _P_HIGH = 0x000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd7;
    bytes32 private constant _P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    /// (p - 1) / 2, likewise.
    uint256 private constant _HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant _HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// The generator of G2, negated.
    bytes private constant _NEGATED_G2 =
        hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bcb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    /// Whether `signature` (G1) is the one of `message` under `publicKey` (G2): e(signature, -g2) * e(H(message), key) = 1.
    /// False for what the precompiles refuse.
    /// @param domain the domain separation tag of RFC 9380, below 256 bytes
    function verify(
        bytes memory signature,
        bytes32 message,
        bytes memory domain,
        bytes memory publicKey
    ) internal view returns (bool) {
        if (signature.length != 128 || publicKey.length != 256) return false;
        (bool ok, bytes memory point) = hashToG1(message, domain);
        if (!ok) return false;
        bytes memory answer;
        (ok, answer) = _PAIRING.staticcall(abi.encodePacked(signature, _NEGATED_G2, point, publicKey));
        return ok && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }

    /// Whether these 256 bytes are a point of G2's prime-order subgroup, and not infinity.
    function isG2(bytes memory point) internal view returns (bool) {
        if (point.length != 256) return false;
        // The pairing with infinity is 1 for every point that the precompile takes.
        (bool ok, bytes memory answer) = _PAIRING.staticcall(abi.encodePacked(new bytes(128), point));
        return ok && answer.length == 32 && keccak256(point) != keccak256(new bytes(256));
    }

    /// A G1 point in 48 bytes: x with flags in its highest bits (compressed, infinity, larger y). The point must be valid.
    function compress(bytes memory point) internal pure returns (bytes memory) {
        (uint256 xHigh, uint256 xLow, uint256 yHigh, uint256 yLow) = abi.decode(
            point,
            (uint256, uint256, uint256, uint256)
        );
        bool larger = yHigh > _HALF_HIGH || (yHigh == _HALF_HIGH && yLow > _HALF_LOW);
        uint256 flags = (xHigh | xLow | yHigh | yLow == 0) ? 6 : (larger ? 5 : 4);
        return abi.encodePacked(uint128(xHigh | (flags << 125)), xLow);
    }

    /// hash_to_curve of suite BLS12381G1_XMD:SHA-256_SSWU_RO_. The precompile clears cofactors: adding its two points gives
    /// what clearing the cofactor of their sum would.
    function hashToG1(bytes32 message, bytes memory domain) internal view returns (bool ok, bytes memory point) {
        (bytes memory u0, bytes memory u1) = hashToField(message, domain);
        bytes memory a;
        bytes memory b;
        (ok, a) = _MAP_TO_G1.staticcall(u0);
        if (!ok || a.length != 128) return (false, "");
        (ok, b) = _MAP_TO_G1.staticcall(u1);
        if (!ok || b.length != 128) return (false, "");
        (ok, point) = _G1_ADD.staticcall(bytes.concat(a, b));
        ok = ok && point.length == 128;
    }

    /// Two field elements: RFC 9380 section 5.2 with L = 64.
    function hashToField(bytes32 message, bytes memory domain) internal view returns (bytes memory, bytes memory) {
        bytes32[4] memory uniform = expandMessage(message, domain);
        return (_reduce(uniform[0], uniform[1]), _reduce(uniform[2], uniform[3]));
    }

    /// expand_message_xmd with SHA-256 to 128 bytes: RFC 9380 section 5.3.1.
    function expandMessage(bytes32 message, bytes memory domain) internal pure returns (bytes32[4] memory uniform) {
        bytes memory suffix = abi.encodePacked(domain, uint8(domain.length));
        // Z_pad is one block of SHA-256; 0x0080 the length asked for; 0x00 the index of b_0.
        bytes32 b0 = sha256(abi.encodePacked(bytes32(0), bytes32(0), message, hex"008000", suffix));
        bytes32 b = 0;
        for (uint256 i; i < 4; ++i) {
            b = sha256(abi.encodePacked(b0 ^ b, uint8(i + 1), suffix));
            uniform[i] = b;
        }
    }

    /// 64 bytes modulo p, as 64 bytes.
    function _reduce(bytes32 high, bytes32 low) private view returns (bytes memory element) {
        bool ok;
        (ok, element) = _MODEXP.staticcall(
            abi.encodePacked(uint256(64), uint256(1), uint256(64), high, low, uint8(1), _P_HIGH, _P_LOW)
        );
        // A chain without MODEXP has no pairing either: nothing verifies there.
        if (!ok) element = "";
    }
}
