// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IHubFront} from "../interfaces/IHubFront.sol";
import {IHubJoins} from "../interfaces/IHubJoins.sol";
import {FLAG_JOIN, Parent, Slot, Spec, STAGE_CLIENT, StageInfo, STATE_FINAL} from "../types/Types.sol";
import {ClaimLib} from "../libraries/ClaimLib.sol";
import {JobLib} from "../libraries/JobLib.sol";
import {HubRounds} from "./HubRounds.sol";

/// @title Jobs whose input is the join of other jobs' results
abstract contract HubJoins is HubRounds, IHubJoins {
    uint256 private constant _MAX_PARENTS = 8;

    /// @inheritdoc IHubJoins
    function requestJoined(
        uint96 nonce,
        Spec calldata spec,
        StageInfo[] calldata table,
        Parent[] calldata parents
    ) external unlocked returns (bytes32 jobId) {
        uint256 count = parents.length;
        if (count == 0 || count > _MAX_PARENTS) revert ParentCountWrong(count, _MAX_PARENTS);
        if (spec.policy.flags & FLAG_JOIN == 0) revert ParentsUnchecked();
        // The job id commits to them: in a receipt nobody can put another job in a parent's place.
        uint256 ref = uint256(keccak256(abi.encode("assay.v1.parents", parents)));
        if (uint256(spec.inputRef) != ref) revert SpecInvalid("inputRef", uint256(spec.inputRef), ref, ref);
        _checkTable(spec, table);
        bytes32 need = _join(spec.client, table[0].inKind, parents);
        if (spec.inDigest != need) revert JoinMismatch(spec.inDigest, need);
        _joining = true;
        // The hub's own code, on its own storage, for the same caller: all that a request demands is demanded here too.
        (bool ok, bytes memory answer) = address(this).delegatecall(abi.encodeCall(IHubFront.request, (nonce, spec)));
        if (!ok)
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        _joining = false;
        jobId = abi.decode(answer, (bytes32));
        emit JobJoined(jobId, parents);
    }

    /// What the parents feed, checked one by one. At most eight of them.
    function _join(address client, uint8 kind, Parent[] calldata parents) private view returns (bytes32 fed) {
        uint256 count = parents.length;
        uint256 present;
        bytes memory joined = abi.encodePacked("assay.v1.join", uint8(count));
        for (uint256 i; i < count; ++i) {
            Parent calldata parent = parents[i];
            if (parent.jobId == 0) {
                bool bare = parent.recordHash | parent.fedDigest | parent.r | parent.vs == 0;
                if (!bare || parent.outDigest == 0) revert ParentNotFinal(i, 0);
                joined = abi.encodePacked(joined, uint16(i), kind, parent.outDigest);
                continue;
            }
            ++present;
            for (uint256 j; j < i; ++j) if (parents[j].jobId == parent.jobId) revert ParentRepeated(i, parent.jobId);
            Slot memory s = JobLib.load(_slots[parent.jobId]);
            if (s.state != STATE_FINAL) revert ParentNotFinal(i, s.state);
            bytes32 have = JobLib.finalWord(parent.outDigest, parent.recordHash);
            if (have != s.word) revert ParentMismatch(i, have, s.word);
            fed = parent.fedDigest == 0 ? parent.outDigest : parent.fedDigest;
            _checkClient(client, i, parent);
            joined = abi.encodePacked(joined, uint16(i), kind, fed);
        }
        if (present == 0) revert ParentCountWrong(0, _MAX_PARENTS);
        return count == 1 ? fed : keccak256(joined);
    }

    function _checkClient(address client, uint256 i, Parent calldata parent) private view {
        if (parent.fedDigest == 0) {
            // One spelling of a parent that needs no claim.
            if (parent.r | parent.vs != 0) revert ClientClaimWrong(i, address(0), client);
            return;
        }
        bytes32 claim = ClaimLib.claimHash(parent.jobId, STAGE_CLIENT, parent.outDigest, parent.fedDigest, client);
        address signer = ClaimLib.recover(ClaimLib.typed(_domain(), claim), parent.r, parent.vs);
        if (signer == address(0) || signer != client) revert ClientClaimWrong(i, signer, client);
    }
}
