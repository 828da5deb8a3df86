// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntelCollateral} from "../../interfaces/IIntelCollateral.sol";
import {ITrustRoots} from "../../interfaces/ITrustRoots.sol";
import {CertificateLib} from "../../libraries/CertificateLib.sol";
import {CodeLib} from "../../libraries/CodeLib.sol";
import {CollateralLib} from "../../libraries/CollateralLib.sol";
import {CrlLib} from "../../libraries/CrlLib.sol";
import {EnclaveLib} from "../../libraries/EnclaveLib.sol";
import {P256Lib} from "../../libraries/P256Lib.sol";
import {PckLib} from "../../libraries/PckLib.sol";

/// @title Intel's collateral, verified here and kept for whoever verifies quotes
contract IntelCollateral is IIntelCollateral {
    uint256 private constant _MAX_CERTIFICATE = 4096;
    uint256 private constant _MAX_CRL = 131_072;
    uint256 private constant _MAX_JSON = 32_768;

    uint8 private constant _ROOT = 1;
    uint8 private constant _CA = 2;
    uint8 private constant _SIGNER = 3;

    struct Authority {
        bytes32 x;
        bytes32 y;
        bytes32 subject;
        bytes32 issuer; // its key; of a root its own
        uint160 serial;
        uint48 notBefore;
        uint48 notAfter; // not after its issuer's
        uint8 role;
        uint8 pathLength;
        bool signsLists;
        bool simulated;
    }

    struct Pck {
        bytes32 x;
        bytes32 y;
        bytes32 issuer;
        bytes16 ppid;
        uint160 serial;
        uint48 notBefore;
        uint48 notAfter;
        bytes16 components;
        uint16 pceSvn;
        bytes2 pceId;
        bytes6 fmspc;
        bool simulated;
    }

    /// One slot: code, and how long it counts.
    struct Current {
        address code;
        uint48 seenAt;
        uint48 ends;
    }

    ITrustRoots public immutable ROOTS;

    mapping(bytes32 key => Authority) private _authorities;
    mapping(bytes32 key => Pck) private _pcks;
    mapping(bytes32 issuer => RevocationList) private _lists;
    mapping(bytes32 revocation => bool) private _revoked;
    mapping(bytes32 family => Current) private _current;
    mapping(bytes32 family => address) private _previous;

    constructor(ITrustRoots roots) {
        ROOTS = roots;
    }

    // --- Certificates -------------------------------------------------------------------------------------------------

    /// @inheritdoc IIntelCollateral
    function registerRoot(bytes calldata der) external returns (bytes32 key) {
        CertificateLib.Certificate memory c = _parse(der);
        bytes32 rootId = sha256(abi.encodePacked(CertificateLib.SPKI, c.x, c.y));
        uint8 class_ = ROOTS.classOf(EnclaveLib.INTEL_SGX, rootId);
        require(class_ != 0, RootUnknown(rootId));
        require(c.simulated == (class_ == EnclaveLib.ROOT_SIMULATED), ChainInvalid(6));
        require(c.issuer == c.subject, ChainInvalid(1));
        require(c.isCa && c.usage & CertificateLib.USAGE_ISSUE != 0, ChainInvalid(2));
        key = _keyOf(c.x, c.y);
        require(P256Lib.isSigned(c.digest, c.r, c.s, c.x, c.y), SignatureInvalid(key));
        _keep(key, key, _ROOT, c);
        emit RootRegistered(key, c.simulated, c.notAfter);
    }

    /// @inheritdoc IIntelCollateral
    function registerAuthority(bytes calldata der, bytes32 root) external returns (bytes32 key) {
        CertificateLib.Certificate memory c = _parse(der);
        uint8 role = _roleOf(c.commonName);
        require(role != 0, ChainInvalid(3));
        // A leaf used as a CA, and a CA that signs collateral, end here.
        require(c.isCa == (role == _CA), ChainInvalid(4));
        require(role != _CA || c.usage & CertificateLib.USAGE_ISSUE != 0, ChainInvalid(2));
        Authority storage issuer = _issuer(root, _ROOT);
        _checkIssued(c, issuer, root, role == _CA ? 1 : 0);
        key = _keyOf(c.x, c.y);
        _keep(key, root, role, c);
        emit AuthorityRegistered(key, root, role, c.notAfter);
    }

    /// @inheritdoc IIntelCollateral
    function registerPck(bytes calldata der, bytes32 ca) external returns (bytes32 pckId) {
        CertificateLib.Certificate memory c = _parse(der);
        require(!c.isCa, ChainInvalid(4));
        require(c.sgxTo != 0, PckInvalid(0));
        Authority storage issuer = _issuer(ca, _CA);
        _checkIssued(c, issuer, ca, 0);
        pckId = _keyOf(c.x, c.y);
        Pck storage known = _pcks[pckId];
        require(known.notBefore < c.notBefore, NotNewer(c.notBefore, known.notBefore));
        PckLib.Facts memory facts = PckLib.parse(der, c.sgxFrom, c.sgxTo);
        _pcks[pckId] = Pck({
            x: c.x,
            y: c.y,
            issuer: ca,
            ppid: facts.ppid,
            serial: uint160(c.serial),
            notBefore: c.notBefore,
            notAfter: c.notAfter,
            components: facts.components,
            pceSvn: facts.pceSvn,
            pceId: facts.pceId,
            fmspc: facts.fmspc,
            simulated: issuer.simulated
        });
        emit PckRegistered(pckId, ca, facts.fmspc);
    }

    function _parse(bytes calldata der) private view returns (CertificateLib.Certificate memory c) {
        require(der.length <= _MAX_CERTIFICATE, TooLong(der.length, _MAX_CERTIFICATE));
        c = CertificateLib.parse(der);
        bool valid = c.notBefore <= block.timestamp && block.timestamp <= c.notAfter;
        require(valid, NotValid(block.timestamp, c.notBefore, c.notAfter));
    }

    function _roleOf(bytes32 commonName) private pure returns (uint8) {
        if (commonName == keccak256("Intel SGX PCK Platform CA")) return _CA;
        if (commonName == keccak256("Intel SGX PCK Processor CA")) return _CA;
        return commonName == keccak256("Intel SGX TCB Signing") ? _SIGNER : 0;
    }

    /// An authority that may speak now: known, in its time, not revoked.
    function _issuer(bytes32 key, uint8 role) private view returns (Authority storage a) {
        a = _authorities[key];
        require(a.role == role, AuthorityUnknown(key));
        require(block.timestamp <= a.notAfter, NotValid(block.timestamp, a.notBefore, a.notAfter));
        _checkNotRevoked(a.issuer, a.serial);
    }

    /// @param below CA certificates under the issuer
    function _checkIssued(
        CertificateLib.Certificate memory c,
        Authority storage issuer,
        bytes32 key,
        uint256 below
    ) private view {
        require(c.issuer == issuer.subject, ChainInvalid(1));
        require(issuer.pathLength >= below, ChainInvalid(5));
        require(c.isCa ? c.simulated == issuer.simulated : !c.simulated, ChainInvalid(6));
        _checkNotRevoked(key, c.serial);
        require(P256Lib.isSigned(c.digest, c.r, c.s, issuer.x, issuer.y), SignatureInvalid(key));
        if (c.notAfter > issuer.notAfter) c.notAfter = issuer.notAfter;
    }

    function _keep(bytes32 key, bytes32 issuer, uint8 role, CertificateLib.Certificate memory c) private {
        Authority storage known = _authorities[key];
        // One key, one role: else a CA's key could sign collateral.
        require(known.role == 0 || known.role == role, ChainInvalid(3));
        require(known.notBefore < c.notBefore, NotNewer(c.notBefore, known.notBefore));
        _authorities[key] = Authority({
            x: c.x,
            y: c.y,
            subject: c.subject,
            issuer: issuer,
            serial: uint160(c.serial),
            notBefore: c.notBefore,
            notAfter: c.notAfter,
            role: role,
            pathLength: c.pathLength,
            signsLists: c.isCa && c.usage & CertificateLib.USAGE_CRL != 0,
            simulated: issuer == key ? c.simulated : _authorities[issuer].simulated
        });
    }

    // --- Revocation ---------------------------------------------------------------------------------------------------

    /// @inheritdoc IIntelCollateral
    function submitCrl(bytes calldata der, bytes32 issuer, uint256 mostNew) external returns (bool complete) {
        require(der.length <= _MAX_CRL, TooLong(der.length, _MAX_CRL));
        Authority storage a = _authorities[issuer];
        require(a.role == _ROOT || a.role == _CA, AuthorityUnknown(issuer));
        require(block.timestamp <= a.notAfter, NotValid(block.timestamp, a.notBefore, a.notAfter));
        if (a.role == _CA) _checkNotRevoked(a.issuer, a.serial);
        CrlLib.List memory list = CrlLib.parse(der);
        require(list.issuer == a.subject, ListInvalid(3));
        require(a.signsLists, ListInvalid(4));
        bool valid = list.issued <= block.timestamp && block.timestamp <= list.nextUpdate;
        require(valid, NotValid(block.timestamp, list.issued, list.nextUpdate));
        uint48 known = _lists[issuer].issued;
        require(known < list.issued, NotNewer(list.issued, known));
        require(P256Lib.isSigned(list.digest, list.r, list.s, a.x, a.y), SignatureInvalid(issuer));
        uint256 entered;
        (entered, complete) = _enter(der, issuer, list, mostNew);
        if (!complete) {
            emit ListPending(issuer, entered);
            return false;
        }
        _lists[issuer] = RevocationList(list.issued, list.nextUpdate);
        emit ListUpdated(issuer, list.issued, list.nextUpdate);
    }

    /// Bounded by the list's length and by `mostNew`.
    function _enter(
        bytes calldata der,
        bytes32 issuer,
        CrlLib.List memory list,
        uint256 mostNew
    ) private returns (uint256 entered, bool complete) {
        for (uint256 pos = list.from; pos < list.to;) {
            uint256 serial;
            (serial, pos) = CrlLib.entry(der, pos, list.to);
            bytes32 revocation = _revocationOf(issuer, serial);
            if (_revoked[revocation]) continue;
            if (entered == mostNew) return (entered, false);
            ++entered;
            _revoked[revocation] = true;
            emit Revoked(issuer, serial);
        }
        complete = true;
    }

    function _revocationOf(bytes32 issuer, uint256 serial) private pure returns (bytes32) {
        return keccak256(abi.encode(issuer, serial));
    }

    function _checkNotRevoked(bytes32 issuer, uint256 serial) private view {
        require(!_revoked[_revocationOf(issuer, serial)], CertificateRevoked(issuer, serial));
    }

    /// A list that never was or that ended says nothing: then nothing is trusted.
    function _listEnd(bytes32 issuer) private view returns (uint48 ends) {
        ends = _lists[issuer].nextUpdate;
        require(ends != 0, ListMissing(issuer));
        require(block.timestamp <= ends, ListEnded(issuer, ends));
    }

    // --- Signed texts -------------------------------------------------------------------------------------------------

    /// @inheritdoc IIntelCollateral
    function submitTcbInfo(bytes calldata json, bytes32 r, bytes32 s, bytes32 signer) external {
        _checkSigned(json, r, s, signer);
        _accept(CollateralLib.parseTcbInfo(json), signer);
    }

    /// @inheritdoc IIntelCollateral
    function submitIdentity(bytes calldata json, bytes32 r, bytes32 s, bytes32 signer) external {
        _checkSigned(json, r, s, signer);
        _accept(CollateralLib.parseIdentity(json), signer);
    }

    /// The signature is checked before anything is read.
    function _checkSigned(bytes calldata json, bytes32 r, bytes32 s, bytes32 signer) private view {
        require(json.length <= _MAX_JSON, TooLong(json.length, _MAX_JSON));
        Authority storage a = _issuer(signer, _SIGNER);
        _listEnd(a.issuer);
        require(P256Lib.isSigned(sha256(json), r, s, a.x, a.y), SignatureInvalid(signer));
    }

    function _accept(CollateralLib.Parsed memory p, bytes32 signer) private {
        Authority storage a = _authorities[signer];
        bool valid = p.issued <= block.timestamp && block.timestamp <= p.nextUpdate;
        require(valid, NotValid(block.timestamp, p.issued, p.nextUpdate));
        bytes32 family = familyOf(a.issuer, p.kind, p.fmspc);
        Current storage now_ = _current[family];
        uint48 seenAt = uint48(block.timestamp);
        if (now_.code != address(0)) {
            (uint256 evaluation, uint256 issued) = _ageOf(now_.code);
            require(p.evaluation >= evaluation, NotNewer(p.evaluation, evaluation));
            if (p.evaluation == evaluation) {
                require(p.issued > issued, NotNewer(p.issued, issued));
                seenAt = now_.seenAt;
            } else {
                _previous[family] = now_.code;
            }
        }
        uint48 ends = p.nextUpdate < a.notAfter ? p.nextUpdate : a.notAfter;
        address code = CodeLib.store(CollateralLib.pack(p, ends, _revocationOf(a.issuer, a.serial)));
        _current[family] = Current(code, seenAt, ends);
        emit CollateralUpdated(family, p.kind, p.fmspc, p.evaluation, ends);
    }

    function _ageOf(address code) private view returns (uint256 evaluation, uint256 issued) {
        uint256 head;
        assembly ("memory-safe") {
            extcodecopy(code, 0, 1, 32)
            head := mload(0)
        }
        return ((head >> 128) & 0xffffffff, head >> 208);
    }

    // --- Views --------------------------------------------------------------------------------------------------------

    /// @inheritdoc IIntelCollateral
    function platform(bytes32 pckId, bool isTdx) external view returns (Platform memory p) {
        Pck storage pck = _pcks[pckId];
        bytes32 ca = pck.issuer;
        require(ca != 0, PckUnknown(pckId));
        Authority storage authority = _authorities[ca];
        bytes32 root = authority.issuer;
        (p.x, p.y) = (pck.x, pck.y);
        (p.components, p.pceSvn, p.pceId, p.fmspc) = (pck.components, pck.pceSvn, pck.pceId, pck.fmspc);
        p.simulated = pck.simulated;
        p.platformId = platformIdOf(pckId, isTdx);
        _checkNotRevoked(ca, pck.serial);
        _checkNotRevoked(root, authority.serial);
        p.ends = pck.notAfter;
        if (authority.notAfter < p.ends) p.ends = authority.notAfter;
        require(block.timestamp <= p.ends, NotValid(block.timestamp, pck.notBefore, p.ends));
        _addEnd(p, _listEnd(root));
        _addEnd(p, _listEnd(ca));

        bytes32 family = familyOf(root, isTdx ? CollateralLib.TCB_TDX : CollateralLib.TCB_SGX, p.fmspc);
        (p.tcbInfo, p.seenAt) = _standing(p, family);
        p.previousTcbInfo = _previous[family];
        family = familyOf(root, isTdx ? CollateralLib.TD_QE : CollateralLib.QE, 0);
        (p.identity, ) = _standing(p, family);
    }

    /// A signed text that counts: present, in its time, its signer not revoked since.
    function _standing(Platform memory p, bytes32 family) private view returns (address code, uint48 seenAt) {
        Current memory c = _current[family];
        require(c.code != address(0), CollateralMissing(family));
        require(block.timestamp <= c.ends, CollateralEnded(family, c.ends));
        bytes32 signer;
        address code_ = c.code;
        assembly ("memory-safe") {
            extcodecopy(code_, 0, 28, 32)
            signer := mload(0)
        }
        require(!_revoked[signer], CertificateRevoked(family, 0));
        _addEnd(p, c.ends);
        return (c.code, c.seenAt);
    }

    function _addEnd(Platform memory p, uint48 ends) private pure {
        if (ends < p.ends) p.ends = ends;
    }

    /// @inheritdoc IIntelCollateral
    function isRevoked(bytes32 pckId) external view returns (bool) {
        Pck storage pck = _pcks[pckId];
        bytes32 ca = pck.issuer;
        require(ca != 0, PckUnknown(pckId));
        Authority storage authority = _authorities[ca];
        return _revoked[_revocationOf(ca, pck.serial)] || _revoked[_revocationOf(authority.issuer, authority.serial)];
    }

    /// @inheritdoc IIntelCollateral
    function platformIdOf(bytes32 pckId, bool isTdx) public view returns (bytes32) {
        uint8 vendor = isTdx ? EnclaveLib.INTEL_TDX : EnclaveLib.INTEL_SGX;
        return EnclaveLib.platformId(vendor, abi.encodePacked(_pcks[pckId].ppid));
    }

    /// @inheritdoc IIntelCollateral
    function listOf(bytes32 issuer) external view returns (RevocationList memory) {
        return _lists[issuer];
    }

    /// @inheritdoc IIntelCollateral
    function familyOf(bytes32 root, uint8 kind, bytes6 fmspc) public pure returns (bytes32 family) {
        return keccak256(abi.encode(root, kind, fmspc));
    }

    function _keyOf(bytes32 x, bytes32 y) private pure returns (bytes32) {
        return keccak256(abi.encode(x, y));
    }
}
