// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {HubLens} from "../../../contracts/consumer/HubLens.sol";
import {IHubTypes} from "../../../contracts/interfaces/IHubTypes.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {BatchLib} from "../../../contracts/libraries/BatchLib.sol";
import {HostileConsumer} from "../../../contracts/mocks/HostileConsumer.sol";
import "../../../contracts/types/Types.sol";
import {Cursor, openVectors} from "../support/Cursor.sol";
import {LogVm, logs} from "../support/HubBase.sol";
import {ProofBase} from "../support/ProofBase.sol";
import {vm} from "../support/Vm.sol";

/// Many inputs in a job, many jobs in a transaction: the same safety, paid once.
contract BatchesTest is ProofBase {
    HubLens private _lens;

    function setUp() public {
        _deploy(80);
        _lens = new HubLens(_hub);
    }

    function verify(
        bytes32 root,
        bytes32 digest,
        uint256 index,
        uint256 count,
        bytes32[] calldata siblings
    ) external pure returns (bool) {
        return BatchLib.verify(root, digest, index, count, siblings);
    }

    // --- Leaves -------------------------------------------------------------------------------------------------------

    /// TypeScript proves, Solidity checks; no other leaf, place, count or path passes.
    function test_LeafVectors() public view {
        Cursor memory c = openVectors("batch");
        for (uint256 i; i < c.cases; ++i) {
            (bytes32 root, bytes32 digest) = (c.nextWord(), c.nextWord());
            (uint256 index, uint256 count) = (c.next(), c.next());
            bytes32[] memory path = c.nextWords(c.next());
            require(this.verify(root, digest, index, count, path), "leaf");
            if (i % 7 != 0) continue;
            require(!this.verify(root, digest, index + 1, count, path), "place");
            require(!this.verify(root, digest, index, count + 1, path), "count");
            require(!this.verify(root, digest, index + count, count, path), "beyond");
            require(!this.verify(root, root, index, count, path), "digest");
            if (path.length == 0) continue;
            path[path.length - 1] ^= bytes32(uint256(1));
            require(!this.verify(root, digest, index, count, path), "path");
            require(!this.verify(root, digest, index, count, new bytes32[](path.length - 1)), "short");
        }
        c.assertDone();
    }

    function _hash(string memory part, bytes memory data) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(abi.encodePacked("assay.v1.batch.", part)), data));
    }

    function _outputOf(uint256 i) private pure returns (bytes32) {
        return keccak256(abi.encode("output", i));
    }

    /// The root over n outputs, and the path of one of them.
    function _tree(uint256 n, uint256 index) private pure returns (bytes32 root, bytes32[] memory path) {
        bytes32[] memory level = new bytes32[](n);
        for (uint256 i; i < n; ++i) level[i] = _hash("leaf", abi.encodePacked(_outputOf(i)));
        path = new bytes32[](32);
        uint256 used;
        for (uint256 width = n; width > 1; width = (width + 1) / 2) {
            if (index ^ 1 < width) path[used++] = level[index ^ 1];
            for (uint256 i; 2 * i < width; ++i) {
                bool alone = 2 * i + 1 == width;
                level[i] = alone ? level[2 * i] : _hash("node", abi.encodePacked(level[2 * i], level[2 * i + 1]));
            }
            index /= 2;
        }
        root = _hash("root", abi.encodePacked(uint64(n), level[0]));
        assembly ("memory-safe") {
            mstore(path, used)
        }
    }

    // --- Many inputs in a job -----------------------------------------------------------------------------------------

    function _batchSpec(uint256 n) private returns (Spec memory spec) {
        spec = _spec(5, 1);
        spec.policy.flags = uint32(n << BatchLib.SHIFT);
    }

    /// In a frame of its own: the memory that a test grows is not gas of the hub.
    function measure(string calldata name, address target, bytes calldata data) external returns (bytes memory result) {
        bool ok;
        vm.startSnapshotGas(name);
        (ok, result) = target.call(data);
        vm.stopSnapshotGas();
        require(ok, "refused");
    }

    /// R33: what a job costs does not depend on how many inputs it has; only a leaf's proof grows, with the logarithm.
    function test_GasOfABatch() public {
        _measureBatch(1, "1");
        _measureBatch(10, "10");
        _measureBatch(100, "100");
        _measureBatch(1000, "1000");
    }

    function _measureBatch(uint256 n, string memory name) private {
        uint256 snapshot = vm.snapshotState();
        Spec memory spec = _batchSpec(n);
        bytes memory data = abi.encodeCall(_hub.request, (++_nonce, spec));
        this.measure(string.concat("request a batch of ", name), address(_hub), data);
        Job memory job = Job(address(this), _nonce, spec);
        _toSeed(_id(job));
        (bytes32 root, bytes32[] memory path) = _tree(n, n / 2);
        Poll memory p = _poll(job, _empty(), _same(5, root));
        data = abi.encodeCall(_hub.submit, (job, _empty(), _noTable(), _one(_votes(p)), ""));
        this.measure(string.concat("submit a batch of ", name, ", 5 seats"), address(_hub), data);
        _expectState(job, STATE_FINAL);
        data = _leafCall(job, p, n / 2, path);
        bytes memory told = this.measure(string.concat("prove a leaf of ", name), address(_lens), data);
        require(abi.decode(told, (bool)), "leaf");
        _expectNothingElse(job, p, n, path);
        vm.revertToState(snapshot);
    }

    function _expectNothingElse(Job memory job, Poll memory p, uint256 n, bytes32[] memory path) private view {
        bytes32 root = p.outs[0];
        bytes32 record = _recordHash(p, root);
        require(!_lens.verifyInference(job, root, record, _outputOf(n), n / 2, path), "another output");
        require(!_lens.verifyInference(job, root, root, _outputOf(n / 2), n / 2, path), "another record");
    }

    function _leafCall(
        Job memory job,
        Poll memory p,
        uint256 index,
        bytes32[] memory path
    ) private view returns (bytes memory) {
        bytes32 root = p.outs[0];
        return abi.encodeCall(_lens.verifyInference, (job, root, _recordHash(p, root), _outputOf(index), index, path));
    }

    function _recordHash(Poll memory p, bytes32 word) private pure returns (bytes32) {
        Record memory r;
        (r.seats, r.boundaries, r.tallies) = (p.ids, new bytes32[](1), new Tally[](1));
        r.boundaries[0] = word;
        r.tallies[0] = Tally(0, 0, p.ids, p.outs, address(0), 0);
        return keccak256(abi.encode(r));
    }

    /// Attack: a job of one input is read as a batch, a batch as one input, or as a batch of another size.
    function test_CountsDoNotMix() public {
        (bytes32 root, bytes32[] memory path) = _tree(10, 3);
        for (uint256 n; n < 3; ++n) {
            Job memory job = _request(n == 0 ? _spec(5, 1) : _batchSpec(n == 1 ? 10 : 11));
            Poll memory p = _poll(job, _empty(), _same(5, root));
            _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
            bytes32 recordHash = _recordHash(p, root);
            bool leaf = _lens.verifyInference(job, root, recordHash, _outputOf(3), 3, path);
            require(leaf == (n == 1), "leaf of ten");
            bool whole = _lens.verifyInference(job, root, recordHash, root, 0, new bytes32[](0));
            require(whole == (n == 0), "itself");
        }
    }

    /// A class' price counts for every input; its size limit for one.
    function test_RevertWhen_ABatchIsUnderpaid() public {
        uint32 class_ = _vault.createTicketClass(IStakeVault.TicketClass(3, 1, 0));
        _toChanges();
        for (uint256 n = 1; n <= 40; ++n) {
            uint32 id = uint32(n);
            uint32[] memory cells = _lastCells(id, 0, 1);
            vm.prank(_owner(n));
            _vault.applyChanges(_change(id, 0, 0, cells));
            vm.prank(_owner(n));
            _vault.applyChanges(_change(id, class_, 1, _none()));
        }
        _nextEpoch();
        Spec memory spec = _batchSpec(11);
        spec.policy.ticketClass = class_;
        require(_lens.quote(address(this), spec).leastReward == 33, "quote");
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "seatReward", 30, 33, type(uint96).max));
        _hub.request(1, spec);
        spec.policy.flags = 10 << 8;
        _hub.request(1, spec);
        spec.policy.flags = 0;
        spec.seatReward = 3;
        _hub.request(2, spec);
        spec.seatReward = 2;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.SpecInvalid.selector, "seatReward", 2, 3, type(uint96).max));
        _hub.request(3, spec);
    }

    function test_RevertWhen_WhatIsBatchedCannotBe() public {
        Spec memory spec = _proven(1);
        spec.policy.flags = 10 << 8;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "batch"));
        _hub.request(1, spec);
        spec = _spec(5, 1);
        spec.policy.flags = (10 << 8) | 64;
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.NotSupported.selector, "flags"));
        _hub.request(1, spec);
    }

    /// A proof is of one tensor: it cannot speak about a root.
    function test_RevertWhen_ACourtIsAskedAboutABatch() public {
        Spec memory spec = _batchSpec(10);
        StageInfo[] memory table = _keyed(1, NO_PROBE);
        spec.modelId = _register(table);
        Job memory job = _request(spec);
        Record memory r = _submit(job, _empty(), 1);
        IHubTypes.Ruling memory ruling = _ruling(job, table, 0, INPUT, GOOD);
        vm.expectRevert(abi.encodeWithSelector(IHubTypes.CourtClosed.selector, 0));
        _hub.court(job, r, table, 0, ruling);
    }

    // --- Many jobs in a transaction -----------------------------------------------------------------------------------

    function _submission(Job memory job, bytes32 word) private view returns (bytes memory) {
        Poll memory p = _poll(job, _empty(), _same(5, word));
        return abi.encodeCall(_hub.submit, (job, _empty(), _noTable(), _one(_votes(p)), ""));
    }

    /// One failing submission does not undo the others, and says why.
    function test_FailingJobsDoNotLoseTheOthers() public {
        Job[] memory jobs = new Job[](3);
        bytes[] memory calls = new bytes[](4);
        for (uint256 i; i < 3; ++i) {
            jobs[i] = _request(_spec(5, 1));
            calls[i] = _submission(jobs[i], GOOD);
        }
        calls[1] = calls[0]; // once more
        calls[3] = hex"deadbeef";
        logs.getRecordedLogs();
        require(_hub.submitMany(calls) == 2, "two");
        _expectState(jobs[0], STATE_FINAL);
        _expectState(jobs[1], STATE_OPEN);
        _expectState(jobs[2], STATE_FINAL);
        LogVm.Log[] memory all = logs.getRecordedLogs();
        uint256 failed;
        for (uint256 i; i < all.length; ++i) {
            if (all[i].topics[0] != IHubTypes.CallFailed.selector) continue;
            (uint256 index, bytes memory reason) = abi.decode(all[i].data, (uint256, bytes));
            require(index == 1 + 2 * failed++, "which");
            bytes memory again = abi.encodeWithSelector(IHubTypes.StateWrong.selector, STATE_FINAL, STATE_OPEN);
            if (index == 1) require(keccak256(reason) == keccak256(again), "why");
        }
        require(failed == 2, "told");
        _expectSolvent(_hub.slot(_id(jobs[1])).escrow);
    }

    /// One to ten jobs in one transaction: what the calls of a bundle cost, its base and calldata apart.
    function test_GasOfManyJobs() public {
        _measureBundle(1, "submit 1 job in one call, 5 seats");
        _measureBundle(2, "submit 2 jobs in one call, 5 seats");
        _measureBundle(5, "submit 5 jobs in one call, 5 seats");
        _measureBundle(10, "submit 10 jobs in one call, 5 seats");
    }

    function _measureBundle(uint256 n, string memory name) private {
        uint256 snapshot = vm.snapshotState();
        bytes[] memory calls = new bytes[](n);
        for (uint256 i; i < n; ++i) calls[i] = _submission(_request(_spec(5, 1)), GOOD);
        this.measure(name, address(_hub), abi.encodeCall(_hub.submitMany, (calls)));
        _expectSolvent(0);
        vm.revertToState(snapshot);
    }

    /// Every call is the sender's own: nobody withdraws or cancels for another.
    function test_NobodyGainsByBundling() public {
        Job memory job = Job(address(this), ++_nonce, _spec(5, 1));
        _hub.request(job.nonce, job.spec);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(_hub.withdraw, (1, address(0xBAD)));
        calls[1] = abi.encodeCall(_hub.cancel, (job));
        bytes[] memory nested = new bytes[](1);
        nested[0] = calls[0];
        calls[2] = abi.encodeCall(_hub.submitMany, (nested));
        vm.prank(address(0xBAD));
        require(_hub.submitMany(calls) == 1, "only the bundle that did nothing");
        require(_token.balanceOf(address(0xBAD)) == 0, "stolen");
        _expectState(job, STATE_OPEN);
        require(_hub.submitMany(calls) == 3, "the requester itself may");
    }

    /// Attack: a consumer re-enters through a bundle.
    function test_BundlesAreShutInACallback() public {
        HostileConsumer consumer = new HostileConsumer(_hub);
        _token.mint(address(consumer), 1_000);
        consumer.deposit(500);
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(_hub.withdraw, (500, address(0xBAD)));
        consumer.set(HostileConsumer.Mode.Reenter, abi.encodeCall(_hub.submitMany, (calls)));
        Spec memory spec = _spec(5, 1);
        (spec.callback, spec.callbackGas) = (address(consumer), 400_000);
        Job memory job = _request(spec);
        Poll memory p = _poll(job, _empty(), _same(5, GOOD));
        _hub.submit(job, _empty(), _noTable(), _one(_votes(p)), "");
        require(_hub.balanceOf(address(consumer)) == 500 && _token.balanceOf(address(0xBAD)) == 0, "moved");
        require(consumer.deliveries() == 1, "delivered all the same");
    }
}
