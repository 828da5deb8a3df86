// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../interfaces/IIntelCollateral.sol";
import {CertificateLib} from "./CertificateLib.sol";
import {DerLib} from "./DerLib.sol";

/// @title Revocation lists of version 2 (RFC 5280 section 5); mirror: offchain/engines/tee/bytes/crl.ts
library CrlLib {
    struct List {
        bytes32 digest; // SHA-256 of what is signed
        bytes32 r;
        bytes32 s;
        bytes32 issuer; // keccak256 of the name's DER
        uint48 issued;
        uint48 nextUpdate;
        uint256 from; // the entries
        uint256 to;
    }

    function parse(bytes calldata d) internal pure returns (List memory list) {
        uint256 start = DerLib.only(d, 0, d.length, DerLib.SEQUENCE);
        (uint256 pos, uint256 end) = DerLib.expect(d, start, d.length, DerLib.SEQUENCE);
        list.digest = sha256(d[start:end]);
        CertificateLib.Certificate memory c;
        CertificateLib.readSignature(d, end, d.length, c);
        (list.r, list.s) = (c.r, c.s);
        uint256 version;
        (version, pos) = DerLib.unsigned(d, pos, end);
        if (version != 1) revert IIntelCollateral.ListInvalid(1);
        pos = CertificateLib.readAlgorithm(d, pos, end);
        (list.issuer, pos) = CertificateLib.readName(d, pos, end);
        (list.issued, pos) = DerLib.time(d, pos, end);
        (list.nextUpdate, pos) = DerLib.time(d, pos, end);
        if (pos == end) return list;
        (uint256 tag, uint256 inner, uint256 next) = DerLib.read(d, pos, end);
        if (tag == DerLib.SEQUENCE) {
            (list.from, list.to) = (inner, next);
            pos = next;
            if (pos == end) return list;
            (tag, inner, next) = DerLib.read(d, pos, end);
        }
        if (tag != 0xa0 || next != end) revert IIntelCollateral.ListInvalid(5);
        _checkExtensions(d, DerLib.only(d, inner, end, DerLib.SEQUENCE), end);
    }

    /// A critical extension makes a list of some certificates, or of changes: no list of all that is revoked.
    function _checkExtensions(bytes calldata d, uint256 pos, uint256 end) private pure {
        while (pos < end) {
            (uint256 inner, uint256 next) = DerLib.expect(d, pos, end, DerLib.SEQUENCE);
            (, inner) = DerLib.expect(d, inner, next, DerLib.OID);
            (uint256 tag, , uint256 valueEnd) = DerLib.read(d, inner, next);
            if (tag != DerLib.OCTET_STRING || valueEnd != next) revert IIntelCollateral.ListInvalid(2);
            pos = next;
        }
    }

    /// The entry at `pos`. Its reason does not matter: what is listed is revoked.
    function entry(bytes calldata d, uint256 pos, uint256 end) internal pure returns (uint256 serial, uint256 next) {
        uint256 inner;
        (inner, next) = DerLib.expect(d, pos, end, DerLib.SEQUENCE);
        (serial, inner) = DerLib.unsigned(d, inner, next);
        (, inner) = DerLib.time(d, inner, next);
    }
}
