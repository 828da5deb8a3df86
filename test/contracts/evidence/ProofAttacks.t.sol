// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {KeyRegistry} from "../../../contracts/evidence/zk/KeyRegistry.sol";
import {ProofAdapter} from "../../../contracts/evidence/zk/ProofAdapter.sol";
import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IKeyRegistry} from "../../../contracts/interfaces/IKeyRegistry.sol";
import {IProofAdapter} from "../../../contracts/interfaces/IProofAdapter.sol";
import {Bn254Lib} from "../../../contracts/libraries/Bn254Lib.sol";
import {StageInfo} from "../../../contracts/types/Types.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// R31, R32, R37: a proof holds for its claim, stage, key and deployment, in one spelling, and for nothing else.
contract ProofAttacksTest is ProofBase {
    uint256 private constant _CASES = 9;

    function setUp() public {
        _deploy();
        for (uint256 i; i < _CASES; ++i) registry.add(_proofCase(i).record);
    }

    function _flip(bytes memory data, uint256 index, uint256 bit) private pure {
        data[index] = bytes1(uint8(data[index]) ^ uint8(1 << bit));
    }

    // --- Every byte ---------------------------------------------------------------------------------------------------

    function _flipAll(uint256 which) private {
        Case memory c = _proofCase(which);
        _mustAccept(c, "untouched", which);
        for (uint256 i; i < c.evidence.length; ++i) {
            _flip(c.evidence, i, i & 7);
            _mustRefuse(c, "flipped", i);
            _flip(c.evidence, i, i & 7);
        }
    }

    function test_EveryFlippedByteIsRefused_OneRoundPublic() public {
        _flipAll(0);
    }

    function test_EveryFlippedByteIsRefused_OneRoundJoined() public {
        _flipAll(2);
    }

    function test_EveryFlippedByteIsRefused_Public() public {
        _flipAll(3);
    }

    function test_EveryFlippedByteIsRefused_Salted() public {
        _flipAll(4);
    }

    function test_EveryFlippedByteIsRefused_Joined() public {
        _flipAll(5);
    }

    function test_EveryFlippedByteIsRefused_WithWeights() public {
        _flipAll(8);
    }

    function test_EveryFlippedBitOfTheProofIsRefused() public {
        Case memory c = _proofCase(4);
        for (uint256 i = 32; i < 352; i += 3) {
            for (uint256 bit; bit < 8; ++bit) {
                _flip(c.evidence, i, bit);
                _mustRefuse(c, "bit", i * 8 + bit);
                _flip(c.evidence, i, bit);
            }
        }
    }

    /// Words that stand after the evidence in calldata must not be read as part of it, nor the other way round.
    function test_NothingMayFollowOrBeMissing() public {
        for (uint256 which; which < _CASES; ++which) {
            Case memory c = _proofCase(which);
            bytes memory whole = c.evidence;
            c.evidence = abi.encodePacked(whole, bytes1(0));
            _mustRefuse(c, "a byte more", which);
            c.evidence = abi.encodePacked(whole, bytes32(0));
            _mustRefuse(c, "a word more", which);
            bool joins = c.stage.producers.length != 1;
            if (!joins) _mustRefuse(c, "a word more", which, IProofAdapter.EvidenceMalformed.selector);
            for (uint256 cut = 1; cut < whole.length; cut += 1 + cut / 3) {
                c.evidence = _copy(whole);
                bytes memory e = c.evidence;
                assembly ("memory-safe") {
                    mstore(e, sub(mload(e), cut))
                }
                _mustRefuse(c, "cut", cut);
            }
            c.evidence = "";
            _mustRefuse(c, "nothing", which);
        }
    }

    /// The same content in another layout: `tensors` and `joined` change places.
    function test_RevertWhen_TheEncodingIsNotTheOnlyOne() public {
        Case memory c = _proofCase(4);
        IProofAdapter.ProofEvidence memory e = _evidence(c);
        bytes memory start = abi.encode(uint256(0x20), e.proof);
        c.evidence = abi.encodePacked(start, uint256(0x1a0), uint256(0x180), uint256(0), uint256(0));
        IProofAdapter.ProofEvidence memory same = _evidence(c);
        require(same.tensors.length == 0 && same.joined.length == 0, "decodes all the same");
        _mustRefuse(c, "other order", 0, IProofAdapter.EvidenceMalformed.selector);
        c.evidence = abi.encodePacked(start, uint256(0x180), uint256(0x180), uint256(0));
        _mustRefuse(c, "shared tail", 0, IProofAdapter.EvidenceMalformed.selector);
    }

    function test_RevertWhen_SizesOverflow() public {
        Case memory c = _proofCase(3);
        uint256[6] memory huge = [
            type(uint256).max,
            type(uint256).max - 31,
            1 << 255,
            uint256(1) << 251,
            1 << 128,
            1 << 64
        ];
        bytes memory whole = c.evidence;
        for (uint256 place = 0; place < 0x220; place += 0x20) {
            if (place >= 0x20 && place < 0x160) continue;
            for (uint256 i; i < huge.length; ++i) {
                c.evidence = _copy(whole);
                unchecked {
                    _put(c.evidence, place, _word(whole, place) + huge[i]);
                }
                _mustRefuse(c, "huge", place);
            }
        }
    }

    // --- Replay -------------------------------------------------------------------------------------------------------

    function test_RevertWhen_TheClaimIsAnother() public {
        for (uint256 which; which < _CASES; ++which) {
            Case memory c = _proofCase(which);
            c.claim.jobId ^= bytes32(uint256(1));
            _mustRefuse(c, "other job", which, IProofAdapter.ProofFalse.selector);
            c = _proofCase(which);
            c.claim.stage ^= 1;
            _mustRefuse(c, "other stage", which, IProofAdapter.ProofFalse.selector);
            c = _proofCase(which);
            c.claim.worker = address(uint160(c.claim.worker) ^ 1);
            _mustRefuse(c, "copied by another worker", which, IProofAdapter.ProofFalse.selector);
            c = _proofCase(which);
            c.claim.inDigest ^= bytes32(uint256(1));
            _mustRefuse(c, "other input", which);
            c = _proofCase(which);
            c.claim.outDigest ^= bytes32(uint256(1));
            _mustRefuse(c, "other output", which);
        }
    }

    function test_RevertWhen_TheDeploymentIsAnother() public {
        for (uint256 which; which < _CASES; ++which) {
            Case memory c = _proofCase(which);
            bytes32 right = domain;
            domain = keccak256(abi.encode("another chain or hub"));
            _mustRefuse(c, "other domain", which, IProofAdapter.ProofFalse.selector);
            domain = right;
        }
    }

    /// Two keys for the same boundaries: a proof for one says nothing under the other.
    function test_RevertWhen_TheKeyIsAnother() public {
        for (uint256 which = 3; which < 6; ++which) {
            Case memory c = _proofCase(which);
            Case memory other = _proofCase(which);
            // The same circuit under another name is another key.
            _put(other.record, 4 + 38 * uint8(other.record[3]), uint256(keccak256("another circuit")));
            registry.add(other.record);
            c.stage.keyId = keccak256(other.record);
            _mustRefuse(c, "other key", which, IProofAdapter.ProofFalse.selector);
            c.stage.keyId = keccak256("none");
            _mustRefuse(c, abi.encodeWithSelector(IKeyRegistry.KeyUnknown.selector, c.stage.keyId));
            c.stage.keyId = 0;
            _mustRefuse(c, abi.encodeWithSelector(IKeyRegistry.KeyUnknown.selector, bytes32(0)));
        }
    }

    /// Keys of another registry are unknown here, though their ids are the same.
    function test_RevertWhen_TheRegistryIsAnother() public {
        Case memory c = _proofCase(3);
        adapter = new ProofAdapter(new KeyRegistry());
        _mustRefuse(c, abi.encodeWithSelector(IKeyRegistry.KeyUnknown.selector, c.stage.keyId));
    }

    function test_RevertWhen_TheWeightsAreOthers() public {
        for (uint256 which = 6; which < 9; ++which) {
            Case memory c = _proofCase(which);
            bytes memory evidence = c.evidence;
            // Another point of the curve: C2 of the proof itself.
            (c.stage.weightsX, c.stage.weightsY) = (bytes32(_word(evidence, 288)), bytes32(_word(evidence, 320)));
            _mustRefuse(c, "other weights", which, IProofAdapter.ProofFalse.selector);
            c = _proofCase(which);
            c.stage.weightsY = bytes32(Bn254Lib.Q - uint256(c.stage.weightsY));
            _mustRefuse(c, "negated weights", which, IProofAdapter.ProofFalse.selector);
            c = _proofCase(which);
            c.stage.weightsX = bytes32(uint256(c.stage.weightsX) + Bn254Lib.Q);
            _mustRefuse(c, "weights not reduced", which, IProofAdapter.ProofFalse.selector);
            (c.stage.weightsX, c.stage.weightsY) = (0, 0);
            _mustRefuse(c, "no weights", which, IProofAdapter.WeightsMismatch.selector);
        }
        Case memory plain = _proofCase(3);
        (plain.stage.weightsX, plain.stage.weightsY) = (bytes32(uint256(1)), bytes32(uint256(2)));
        _mustRefuse(plain, "weights without a group", 3, IProofAdapter.WeightsMismatch.selector);
    }

    // --- Boundaries ---------------------------------------------------------------------------------------------------

    function test_RevertWhen_TheStageHasOtherBoundaries() public {
        for (uint256 which; which < _CASES; ++which) {
            Case memory c = _proofCase(which);
            c.stage.inKind ^= 1;
            _mustRefuse(c, "other input kind", which);
            c = _proofCase(which);
            c.stage.outKind ^= 1;
            _mustRefuse(c, "other output kind", which, IProofAdapter.BoundaryKindMismatch.selector);
            c.stage.outKind = 2;
            _mustRefuse(c, "BLINDED output", which, IProofAdapter.BoundaryKindMismatch.selector);
            c = _proofCase(which);
            c.stage.producers = new uint16[](c.stage.producers.length + 1);
            _mustRefuse(c, "a producer more", which, IProofAdapter.BoundaryCountMismatch.selector);
            c.stage.producers = new uint16[](0);
            _mustRefuse(c, "no producer", which, IProofAdapter.BoundaryCountMismatch.selector);
        }
    }

    function test_RevertWhen_JoinedInputsChangePlaces() public {
        Case memory c = _proofCase(5);
        IProofAdapter.ProofEvidence memory e = _evidence(c);
        (e.joined[0], e.joined[1]) = (e.joined[1], e.joined[0]);
        c.evidence = abi.encode(e);
        _mustRefuse(c, "digests swapped", 0, IProofAdapter.JoinMismatch.selector);
        (e.tensors[0], e.tensors[1]) = (e.tensors[1], e.tensors[0]);
        c.evidence = abi.encode(e);
        _mustRefuse(c, "all swapped", 1, IProofAdapter.JoinMismatch.selector);
        c = _proofCase(5);
        (c.stage.producers[0], c.stage.producers[1]) = (c.stage.producers[1], c.stage.producers[0]);
        _mustRefuse(c, "producers swapped", 2, IProofAdapter.JoinMismatch.selector);
        c = _proofCase(5);
        e = _evidence(c);
        e.joined = new bytes32[](0);
        c.evidence = abi.encode(e);
        _mustRefuse(c, "no digests", 3);
    }

    function test_RevertWhen_ASingleInputIsJoined() public {
        Case memory c = _proofCase(4);
        IProofAdapter.ProofEvidence memory e = _evidence(c);
        e.joined = new bytes32[](1);
        e.joined[0] = c.claim.inDigest;
        c.evidence = abi.encode(e);
        _mustRefuse(c, "a join of one", 0, IProofAdapter.EvidenceMalformed.selector);
    }

    function test_RevertWhen_ATensorIsMissingOrTooMuch() public {
        Case memory c = _proofCase(3);
        IProofAdapter.ProofEvidence memory e = _evidence(c);
        bytes[] memory tensors = e.tensors;
        e.tensors = new bytes[](1);
        e.tensors[0] = tensors[0];
        c.evidence = abi.encode(e);
        _mustRefuse(c, "one missing", 0);
        e.tensors = new bytes[](3);
        (e.tensors[0], e.tensors[1]) = (tensors[0], tensors[1]);
        c.evidence = abi.encode(e);
        _mustRefuse(c, "one more", 1, IProofAdapter.EvidenceMalformed.selector);
        e.tensors = new bytes[](2);
        (e.tensors[0], e.tensors[1]) = (tensors[1], tensors[0]);
        c.evidence = abi.encode(e);
        _mustRefuse(c, "swapped", 2);
    }

    /// A tensor of the same bytes in another shape has another digest and another header; a true digest does not help it.
    function test_RevertWhen_TheShapeIsAnother() public {
        Case memory c = _proofCase(3);
        IProofAdapter.ProofEvidence memory e = _evidence(c);
        bytes memory tensor = e.tensors[0];
        (tensor[3], tensor[7]) = (tensor[7], tensor[3]);
        c.claim.inDigest = keccak256(abi.encodePacked(keccak256("assay.v1.public"), tensor));
        c.evidence = abi.encode(e);
        _mustRefuse(c, abi.encodeWithSelector(IProofAdapter.TensorMismatch.selector, 0, 2));
        e.tensors[0] = abi.encodePacked(tensor, bytes32(0));
        c.claim.inDigest = keccak256(abi.encodePacked(keccak256("assay.v1.public"), e.tensors[0]));
        c.evidence = abi.encode(e);
        _mustRefuse(c, abi.encodeWithSelector(IProofAdapter.TensorMismatch.selector, 0, 1));
        e.tensors[0] = "";
        c.evidence = abi.encode(e);
        _mustRefuse(c, abi.encodeWithSelector(IProofAdapter.TensorMismatch.selector, 0, 1));
    }

    function test_RevertWhen_ADigestIsNotReduced() public {
        Case memory c = _proofCase(4);
        bytes32[5] memory wrong = [
            bytes32(Bn254Lib.R),
            bytes32(Bn254Lib.R + 1),
            bytes32(uint256(c.claim.inDigest) + Bn254Lib.R),
            bytes32(uint256(c.claim.inDigest) + 2 * Bn254Lib.R),
            bytes32(type(uint256).max)
        ];
        for (uint256 i; i < wrong.length; ++i) {
            Case memory d = _proofCase(4);
            d.claim.inDigest = wrong[i];
            _mustRefuse(d, abi.encodeWithSelector(IProofAdapter.DigestNotReduced.selector, 0, wrong[i]));
            d = _proofCase(4);
            d.claim.outDigest = wrong[i];
            _mustRefuse(d, abi.encodeWithSelector(IProofAdapter.DigestNotReduced.selector, 1, wrong[i]));
        }
        c.claim.inDigest = bytes32(Bn254Lib.R - 1);
        _mustRefuse(c, "the last one that is reduced", 0, IProofAdapter.ProofFalse.selector);
    }

    /// The types of a claim hold though it is read in one piece.
    function test_RevertWhen_AClaimIsWiderThanItsTypes() public {
        Case memory c = _proofCase(3);
        bytes memory call = abi.encodeCall(IEvidenceAdapter.check, (domain, c.claim, c.stage, c.evidence));
        (bool ok, bytes memory reason) = address(adapter).staticcall{gas: ENOUGH}(call);
        require(ok, "untouched");
        uint256[2] memory offsets = [uint256(4 + 0x40), 4 + 0xa0]; // stage, worker
        for (uint256 i; i < 2; ++i) {
            bytes memory wide = _copy(call);
            wide[offsets[i]] = 0x01;
            (ok, reason) = address(adapter).staticcall{gas: ENOUGH}(wide);
            require(!ok && bytes4(reason) == IProofAdapter.ProofMalformed.selector, "wide");
        }
    }

    // --- Points -------------------------------------------------------------------------------------------------------

    function test_RevertWhen_APointIsInfinity() public {
        uint256[2][4] memory points = [[uint256(0), 2], [uint256(2), 4], [uint256(6), 2], [uint256(8), 2]];
        for (uint256 which; which < _CASES; ++which) {
            for (uint256 p; p < 4; ++p) {
                Case memory c = _proofCase(which);
                if (which < 3 && p == 2) {
                    // One-round proofs have no C1, be it a point of the curve or not.
                    _put(c.evidence, 32 + 6 * 32, 1);
                    _put(c.evidence, 32 + 7 * 32, 2);
                } else {
                    for (uint256 i; i < points[p][1]; ++i) _put(c.evidence, 32 + (points[p][0] + i) * 32, 0);
                }
                _mustRefuse(c, "infinity", 10 * which + p, IProofAdapter.ProofMalformed.selector);
            }
        }
    }

    function test_RevertWhen_ACoordinateIsNotReduced() public {
        for (uint256 which = 3; which < _CASES; ++which) {
            for (uint256 i; i < 10; ++i) {
                Case memory c = _proofCase(which);
                _put(c.evidence, 32 + 32 * i, _word(c.evidence, 32 + 32 * i) + Bn254Lib.Q);
                _mustRefuse(c, "not reduced", 10 * which + i);
            }
        }
    }

    function test_RevertWhen_APointIsNegated() public {
        uint8[4] memory y = [1, 7, 9, 4];
        for (uint256 i; i < 4; ++i) {
            Case memory c = _proofCase(4);
            uint256 words = y[i] == 4 ? 2 : 1;
            for (uint256 j; j < words; ++j) {
                uint256 offset = 32 + 32 * (y[i] + j);
                _put(c.evidence, offset, Bn254Lib.Q - _word(c.evidence, offset));
            }
            _mustRefuse(c, "negated", i, IProofAdapter.ProofFalse.selector);
        }
    }

    function test_RevertWhen_BIsNotInG2() public {
        bytes memory stray = vm.parseJsonBytes(_read("digits"), ".stray");
        Case memory c = _proofCase(4);
        for (uint256 i; i < 4; ++i) _put(c.evidence, 96 + 32 * i, _word(stray, 32 * i));
        _mustRefuse(c, "stray", 0, IProofAdapter.ProofFalse.selector);
    }

    /// (kA, B/k) is the same proof: with k = -1 it verifies, so proof bytes are no identity.
    function test_ProofBytesAreNoIdentity() public {
        Case memory c = _proofCase(4);
        uint8[3] memory y = [1, 4, 5];
        for (uint256 i; i < 3; ++i) {
            uint256 offset = 32 + 32 * uint256(y[i]);
            _put(c.evidence, offset, Bn254Lib.Q - _word(c.evidence, offset));
        }
        _mustAccept(c, "both negated", 0);
    }

    // --- Class of the key ---------------------------------------------------------------------------------------------

    function test_RevertWhen_ADevelopmentKeyMeetsAnotherChain() public {
        Case memory c = _proofCase(3);
        require(adapter.mayOverrule(c.stage), "local court");
        vm.chainId(1);
        _mustRefuse(c, abi.encodeWithSelector(IKeyRegistry.KeyLocalOnly.selector, uint256(1)));
        require(!adapter.mayOverrule(c.stage), "court");
        vm.chainId(31337);
        _mustAccept(c, "local again", 0);
    }

    function test_WhoMayOverruleACommittee() public {
        (bytes memory record, StageInfo memory stage, , ) = _digits(2, 1);
        require(!adapter.mayOverrule(stage), "unknown key");
        registry.add(record);
        vm.chainId(1);
        require(adapter.mayOverrule(stage), "ceremony");
        stage.outKind = 2;
        require(!adapter.mayOverrule(stage), "BLINDED output");
        stage.outKind = 1;
        require(!adapter.mayOverrule(stage), "SALTED output: one answer has as many digests as salts");
        (stage.outKind, stage.inKind) = (0, 2);
        require(!adapter.mayOverrule(stage), "BLINDED input");
        (stage.inKind, stage.keyId) = (0, 0);
        require(!adapter.mayOverrule(stage), "no key");
    }
}
