// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;
import {IEvidenceAdapter} from "../../../contracts/interfaces/IEvidenceAdapter.sol";
import {StageInfo} from "../../../contracts/types/Types.sol";
import {ProofEvidenceLib} from "../../../contracts/libraries/ProofEvidenceLib.sol";
import {KeyRecordLib} from "../../../contracts/libraries/KeyRecordLib.sol";
import {Groth16Lib} from "../../../contracts/libraries/Groth16Lib.sol";
import {ClaimLib} from "../../../contracts/libraries/ClaimLib.sol";
import {ProofBase} from "./ProofBase.sol";
import {vm} from "../support/Vm.sol";
contract TmpTest is ProofBase {
    error Gas(uint256 load, uint256 lay, uint256 claim, uint256 proof, uint256 chal, uint256 pub, uint256 ver);
    function go(bytes32 d, IEvidenceAdapter.Claim calldata claim, StageInfo calldata stage, bytes calldata e) external view {
        uint256[8] memory g;
        ProofEvidenceLib.Context memory c;
        g[0] = gasleft();
        c.record = KeyRecordLib.load(KeyRecordLib.codeOf(address(registry), stage.keyId));
        g[1] = gasleft();
        c.key = KeyRecordLib.layoutOf(c.record);
        (c.domain, c.keyId) = (d, stage.keyId);
        g[2] = gasleft();
        bytes32 hash = ClaimLib.claimHash(claim.jobId, claim.stage, claim.inDigest, claim.outDigest, claim.worker);
        Groth16Lib.Statement[] memory all = new Groth16Lib.Statement[](1);
        g[3] = gasleft();
        all[0].proof = ProofEvidenceLib.readProof(e, c.key.backend);
        g[4] = gasleft();
        ProofEvidenceLib.setChallenge(c, hash, stage, all[0].proof);
        g[5] = gasleft();
        all[0].publics = ProofEvidenceLib.readPublics(c, claim, stage, e);
        g[6] = gasleft();
        all[0].factor = 1;
        uint256[2] memory w;
        require(Groth16Lib.verify(c.record, c.key, all, w));
        g[7] = gasleft();
        revert Gas(g[0]-g[1], g[1]-g[2], g[2]-g[3], g[3]-g[4], g[4]-g[5], g[5]-g[6], g[6]-g[7]);
    }
    function test_x() public {
        _deploy();
        (bytes memory r, StageInfo memory stage, IEvidenceAdapter.Claim[] memory claims, bytes[] memory e) = _digits(2, 1);
        registry.add(r);
        this.go(domain, claims[0], stage, e[0]);
    }
}
