// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {VerdictBoard} from "../../../../contracts/evidence/enclave/VerdictBoard.sol";
import {IAttesterPool} from "../../../../contracts/interfaces/IAttesterPool.sol";
import {IEnclaveRegistry} from "../../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IVerdictBoard} from "../../../../contracts/interfaces/IVerdictBoard.sol";
import {BoardBase} from "../../support/BoardBase.sol";
import {vm} from "../../support/Vm.sol";

/// R56: evidence that no chain can afford to verify counts by the staked word of drawn attesters, or not at all.
contract VerdictBoardTest is BoardBase {
    function setUp() public {
        _deployVault(address(this));
        _deployBoard(24);
        _deployEnclaves();
    }

    // --- Verdicts -----------------------------------------------------------------------------------------------------

    /// R56: four equal words of five, an hour without objection, and the key is registered with its vendor's name.
    function test_FourEqualWordsRegisterAKey() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        uint256 caseId = _openCase(4, "document");
        IVerdictBoard.Facts memory f = _facts(caseId, b);
        bytes32 word = board.wordOf(caseId, f);
        _say(caseId, word, 0, 3);
        require(board.caseOf(caseId).state == 1, "three decide nothing");
        _say(caseId, word, 3, 4);
        IVerdictBoard.Case memory c = board.caseOf(caseId);
        require(c.state == 2 && c.word == word && c.standsFrom == block.timestamp + 1 hours, "decided");
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.NotStanding.selector, caseId));
        _registerCase(caseId, f, b);
        vm.warp(c.standsFrom);
        vm.prank(b.worker);
        enclaves.registerByVerdict(caseId, f, b, runtime);
        vm.snapshotGasLastCall("register a key by a verdict");
        IEnclaveRegistry.Enclave memory e = enclaves.enclave(b.key);
        require(e.vendor == 4 | 128 && e.status == 7 && e.origin == bytes32(caseId), "evidence");
        require(e.worker == b.worker && e.epoch == 1 && e.expiry == f.notAfter, "key");
        require(enclaves.isLive(b.key, 0) && _isJustNow(enclaves.registeredAt(b.key)), "live");
        // The fifth need not come: what was not earned is the payer's again.
        require(board.balanceOf(b.worker) == FUNDS - 4 * FEE, "fee");
        _checkMoney();
    }

    /// Never later than it was, and less than an hour earlier.
    function _isJustNow(uint40 since) private view returns (bool) {
        return since <= block.timestamp && since + 1 hours > block.timestamp;
    }

    function test_EvidenceThatDoesNotVerifyIsRefused() public {
        uint256 caseId = _openCase(4, "rubbish");
        _say(caseId, REFUSED, 0, 4);
        vm.warp(board.caseOf(caseId).standsFrom);
        require(!board.isStanding(caseId, REFUSED), "stands for nothing");
        IEnclaveRegistry.Binding memory b = _bound(1);
        IVerdictBoard.Facts memory f = _facts(caseId, b);
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.NotStanding.selector, caseId));
        _registerCase(caseId, f, b);
    }

    /// Drawn by a block to come, five others than who asks, the same for everybody.
    function test_SeatsAreDrawnByABlockToCome() public {
        vm.prank(vm.addr(1));
        uint256 caseId = board.open(4, "document", "", block.number - 1);
        uint48 number = board.caseOf(caseId).seedBlock;
        require(number > block.number, "not known yet");
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.SeedMissing.selector, number));
        board.seat(caseId);
        _toSeats(caseId);
        address[] memory seats = board.seatsOf(caseId, 0);
        board.seat(caseId);
        require(keccak256(abi.encode(seats)) == keccak256(abi.encode(board.seatsOf(caseId, 0))), "one draw");
        for (uint256 i; i < 5; ++i) {
            require(seats[i] != vm.addr(1), "judges itself");
            for (uint256 j; j < i; ++j) require(seats[i] != seats[j], "sits twice");
        }
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.AlreadySeated.selector, caseId));
        board.seat(caseId);
    }

    /// R56: only seats say something, once, in time, and stake on it.
    function test_RevertWhen_AVerdictIsLateForeignOrTwice() public {
        uint256 caseId = _openCase(4, "document");
        address[] memory seats = board.seatsOf(caseId, 0);
        bytes32 about = board.digestOf(caseId);
        vm.startPrank(seats[0]);
        vm.expectRevert(IVerdictBoard.WordEmpty.selector);
        board.post(caseId, about, 0);
        board.post(caseId, about, REFUSED);
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.AlreadyPosted.selector, caseId, seats[0]));
        board.post(caseId, about, keccak256("another word"));
        vm.stopPrank();
        vm.prank(vm.addr(OWNER));
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.NotSeated.selector, caseId, vm.addr(OWNER)));
        board.post(caseId, about, REFUSED);
        // Without a stake to lose a word is worth nothing.
        vm.startPrank(seats[1]);
        board.withdraw(board.balanceOf(seats[1]) - STAKE + 1, seats[1]);
        vm.expectRevert(abi.encodeWithSelector(IAttesterPool.BalanceTooLow.selector, STAKE - 1, STAKE));
        board.post(caseId, about, REFUSED);
        vm.stopPrank();
        uint48 deadline = board.caseOf(caseId).deadline;
        vm.warp(deadline + 1);
        vm.prank(seats[2]);
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.TooLate.selector, deadline + 1, deadline));
        board.post(caseId, about, REFUSED);
    }

    /// R56: three of five are no verdict; who did not come pays, and the case is over.
    function test_WithoutAQuorumNothingStands() public {
        uint256 caseId = _openCase(4, "document");
        IVerdictBoard.Facts memory f = _facts(caseId, _bound(1));
        _say(caseId, board.wordOf(caseId, f), 0, 3);
        address absent = board.seatsOf(caseId, 0)[4];
        vm.expectPartialRevert(IVerdictBoard.TooEarly.selector);
        board.close(caseId);
        vm.warp(board.caseOf(caseId).deadline + 1);
        board.close(caseId);
        require(board.caseOf(caseId).state == 5 && board.caseOf(caseId).word == 0, "failed");
        require(board.attester(board.slotOf(absent)).reserve == STAKE - FEE, "fined");
        // Three were paid; two fines and the rest come back.
        require(board.balanceOf(vm.addr(OWNER)) == FUNDS - FEE, "refund");
        vm.expectPartialRevert(IVerdictBoard.CaseStateWrong.selector);
        board.close(caseId);
        _refuseChallenge(caseId, IVerdictBoard.CaseStateWrong.selector);
        _checkMoney();
    }

    // --- Attacks ------------------------------------------------------------------------------------------------------

    /// R56: a word speaks of one case's bytes on one board and chain.
    function test_RevertWhen_AWordIsOfOtherEvidence() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        uint256 one = _openCase(4, "document");
        uint256 other = _openCase(4, "another document");
        IVerdictBoard.Facts memory f = _facts(one, b);
        bytes32 foreign = board.wordOf(other, f);
        require(foreign != board.wordOf(one, f), "one word for two documents");
        _say(one, foreign, 0, 4);
        vm.warp(board.caseOf(one).standsFrom);
        bytes32 own = board.wordOf(one, f);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.FactsMismatch.selector, own, foreign));
        _registerCase(one, f, b);
        // A state that is carried to another chain.
        vm.chainId(1);
        require(board.wordOf(one, f) != own, "one word for two chains");
    }

    /// R56: a number that a reorganisation gives to other bytes, the same bytes at another time or over another block, or another vendor's
    /// takes no word and no bond that was meant for the first: REFUSED, said of a forgery, would be a lie about a document.
    function test_RevertWhen_TheCaseWasReplaced() public {
        uint256 state = vm.snapshotState();
        uint256 caseId = _openCase(4, "a forgery");
        bytes32 gone = board.digestOf(caseId);
        for (uint256 i; i < 4; ++i) {
            vm.revertToState(state);
            state = vm.snapshotState();
            if (i == 1) vm.warp(block.timestamp + 1);
            if (i == 2) vm.setBlockhash(block.number - 1, keccak256("another block"));
            uint256 other = _openCase(i == 3 ? 5 : 4, i == 0 ? bytes("a document") : bytes("a forgery"));
            require(other == caseId, "another number");
            _refusesAll(caseId, gone);
        }
        // Whoever pays: the same bytes at the same time have the same word.
        vm.revertToState(state);
        vm.prank(vm.addr(CHALLENGER));
        board.open(4, "a forgery", "", block.number - 1);
        require(board.digestOf(caseId) == gone, "the payer makes no case");
        vm.expectPartialRevert(IVerdictBoard.CaseStateWrong.selector);
        board.digestOf(caseId + 1);
    }

    function _refusesAll(uint256 caseId, bytes32 gone) private {
        bytes32 have = board.digestOf(caseId);
        bytes memory replaced = abi.encodeWithSelector(IVerdictBoard.CaseReplaced.selector, caseId, have, gone);
        address juror = board.seatsOf(caseId, 0)[0];
        vm.prank(juror);
        vm.expectRevert(replaced);
        board.post(caseId, gone, REFUSED);
        require(board.saidBy(caseId, 0, juror) == 0 && board.balanceOf(juror) == FUNDS - STAKE, "staked");
        bytes32 word = keccak256("genuine");
        _say(caseId, word, 0, 4);
        vm.prank(vm.addr(CHALLENGER));
        vm.expectRevert(replaced);
        board.challenge(caseId, gone, word);
        _challengeCase(caseId);
        juror = board.seatsOf(caseId, 1)[0];
        vm.prank(juror);
        vm.expectRevert(replaced);
        board.post(caseId, gone, REFUSED);
        _checkMoney();
    }

    /// R56: who doubts a lie does not pay for a doubt of the truth, which another order of the same words made of it.
    function test_RevertWhen_TheVerdictWasReplaced() public {
        uint256 caseId = _openCase(4, "a forgery");
        bytes32 lie = keccak256("genuine");
        _say(caseId, REFUSED, 0, 4);
        bytes32 about = board.digestOf(caseId);
        vm.startPrank(vm.addr(CHALLENGER));
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.VerdictReplaced.selector, caseId, REFUSED, lie));
        board.challenge(caseId, about, lie);
        require(board.balanceOf(vm.addr(CHALLENGER)) == FUNDS, "a bond was taken");
        board.challenge(caseId, about, REFUSED);
        vm.stopPrank();
    }

    function test_RevertWhen_AnyFactIsAnother() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        (uint256 caseId, IVerdictBoard.Facts memory f) = _standing(b);
        bytes4 wrong = IEnclaveRegistry.FactsMismatch.selector;
        for (uint256 i; i < 7; ++i) {
            IVerdictBoard.Facts memory g = abi.decode(abi.encode(f), (IVerdictBoard.Facts));
            bytes32 one = bytes32(uint256(1));
            if (i == 0) g.svns ^= 1;
            if (i == 1) g.notAfter += 1;
            if (i == 2) g.rootId ^= one;
            if (i == 3) g.platformId ^= one;
            if (i == 4) g.measurementId ^= one;
            if (i == 5) g.dataHigh ^= one;
            if (i == 6) g.dataLow ^= one;
            vm.expectPartialRevert(wrong);
            _registerCase(caseId, g, b);
        }
        f.vendor = 3;
        vm.expectPartialRevert(IVerdictBoard.VendorWrong.selector);
        _registerCase(caseId, f, b);
    }

    /// R56: a verdict registers one key, once, at the registry and epoch that its evidence names, for the worker that asked.
    function test_RevertWhen_AVerdictIsReplayed() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        (uint256 caseId, IVerdictBoard.Facts memory f) = _standing(b);
        bytes4 wrong = IEnclaveRegistry.BindingMismatch.selector;
        IEnclaveRegistry.Binding memory other = _bound(1);
        other.epoch = 2;
        vm.expectPartialRevert(wrong);
        _registerCase(caseId, f, other);
        other = _bound(1);
        other.key = vm.addr(0xBAD);
        vm.expectPartialRevert(wrong);
        _registerCase(caseId, f, other);
        other = _bound(1);
        other.worker = vm.addr(2);
        vm.expectPartialRevert(IEnclaveRegistry.WorkerOnly.selector);
        _registerCase(caseId, f, other);
        vm.prank(vm.addr(2));
        vm.expectPartialRevert(IEnclaveRegistry.WorkerOnly.selector);
        enclaves.registerByVerdict(caseId, f, b, runtime);
        // Another registry that trusts the same board: the evidence does not name it.
        IEnclaveRegistry past = enclaves;
        _deployEnclaves();
        require(address(past) != address(enclaves), "deployed anew");
        vm.expectPartialRevert(wrong);
        _registerCase(caseId, f, b);
        vm.prank(b.worker);
        past.registerByVerdict(caseId, f, b, runtime);
        vm.prank(b.worker);
        vm.expectPartialRevert(IEnclaveRegistry.EpochWrong.selector);
        past.registerByVerdict(caseId, f, b, runtime);
        // Its vendor's own verifier cannot speak about it.
        vm.expectPartialRevert(IEnclaveRegistry.VendorWrong.selector);
        past.invalidateBy(b.key, "quote", b, f.dataHigh, runtime);
    }

    /// R56: four of five say of a forgery that it is genuine. One challenge, and eight of eleven others take it all back.
    function test_AColludingQuorumIsOverruled() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        uint256 caseId = _openCase(4, "a forgery");
        IVerdictBoard.Facts memory f = _facts(caseId, b);
        bytes32 lie = board.wordOf(caseId, f);
        address[] memory five = board.seatsOf(caseId, 0);
        // The honest one came in time too.
        _say(caseId, REFUSED, 4, 5);
        _say(caseId, lie, 0, 4);
        uint256 burned = _token.balanceOf(BURNED);
        _challengeCase(caseId);
        vm.warp(block.timestamp + 1 minutes);
        address[] memory jury = board.seatsOf(caseId, 1);
        for (uint256 i; i < 11; ++i) {
            require(jury[i] != vm.addr(CHALLENGER) && jury[i] != vm.addr(OWNER), "a party judges");
            for (uint256 j; j < 5; ++j) require(jury[i] != five[j], "judges itself");
        }
        // Two accomplices in the jury.
        _say(caseId, lie, 9, 11);
        _say(caseId, REFUSED, 0, 7);
        require(board.caseOf(caseId).state == 3, "seven decide nothing");
        _say(caseId, REFUSED, 7, 8);
        require(board.caseOf(caseId).state == 4 && board.caseOf(caseId).word == REFUSED, "ruled");
        vm.warp(block.timestamp + 2 hours);
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.NotStanding.selector, caseId));
        _registerCase(caseId, f, b);
        for (uint256 i; i < 4; ++i) {
            IAttesterPool.Attester memory a = board.attester(board.slotOf(five[i]));
            require(a.reserve == 0 && a.leftAt != 0, "still an attester");
            require(board.balanceOf(five[i]) == FUNDS - 2 * STAKE + FEE, "kept its stake");
        }
        require(board.balanceOf(five[4]) == FUNDS - STAKE + FEE, "the honest one lost something");
        require(board.balanceOf(jury[0]) == FUNDS - STAKE + FEE, "a juror lost something");
        // Six liars lose two stakes each, half of it burned; ten jurors were paid out of the bond.
        require(_token.balanceOf(BURNED) - burned == 6 * STAKE, "burned");
        require(board.balanceOf(vm.addr(CHALLENGER)) == FUNDS + 6 * STAKE - 10 * FEE, "challenger");
        _checkMoney();
    }

    /// R56: nobody looked in the first hour. A key that rests on a lie gets no new work once somebody doubts it, and ends.
    function test_AChallengeReachesARegisteredKey() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        (uint256 caseId, IVerdictBoard.Facts memory f) = _standing(b);
        _registerCase(caseId, f, b);
        require(enclaves.isLive(b.key, 0), "live");
        vm.expectPartialRevert(IEnclaveRegistry.NothingToEnd.selector);
        enclaves.invalidate(b.key);
        vm.warp(block.timestamp + 2 days);
        _challengeCase(caseId);
        require(!enclaves.isLive(b.key, 0), "in doubt no new work");
        // A doubt alone ends nothing.
        vm.expectPartialRevert(IEnclaveRegistry.NothingToEnd.selector);
        enclaves.invalidate(b.key);
        _say(caseId, REFUSED, 0, 8);
        enclaves.invalidate(b.key);
        require(enclaves.enclave(b.key).expiry == block.timestamp, "ended");
        _checkMoney();
    }

    /// R56: a challenger who is wrong pays the jury and the worker; the verdict stands again, for good.
    function test_AWrongChallengeCostsItsBond() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        (uint256 caseId, IVerdictBoard.Facts memory f) = _standing(b);
        bytes32 word = board.wordOf(caseId, f);
        uint256 had = board.balanceOf(b.worker);
        _challengeCase(caseId);
        require(!board.isStanding(caseId, word), "stands while it is doubted");
        _say(caseId, word, 0, 8);
        require(board.isStanding(caseId, word), "does not stand again");
        require(board.balanceOf(vm.addr(CHALLENGER)) == FUNDS - board.bond(), "challenger");
        require(board.balanceOf(b.worker) == had + board.bond() - 8 * FEE, "worker");
        _refuseChallenge(caseId, IVerdictBoard.CaseStateWrong.selector);
        _registerCase(caseId, f, b);
        _checkMoney();
    }

    /// R56: a jury that does not come to eight slashes nobody, and nothing stands.
    function test_AHungJuryLeavesNothingStanding() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        (uint256 caseId, IVerdictBoard.Facts memory f) = _standing(b);
        bytes32 word = board.wordOf(caseId, f);
        address[] memory five = board.seatsOf(caseId, 0);
        _registerCase(caseId, f, b);
        _challengeCase(caseId);
        _say(caseId, word, 0, 5);
        _say(caseId, REFUSED, 5, 10);
        vm.warp(board.caseOf(caseId).deadline + 1);
        board.close(caseId);
        require(board.caseOf(caseId).state == 5 && !board.isStanding(caseId, word), "stands");
        require(board.balanceOf(five[0]) == FUNDS - STAKE + FEE, "slashed without a ruling");
        enclaves.invalidate(b.key);
        _checkMoney();
    }

    function test_RevertWhen_AChallengeIsLate() public {
        (uint256 caseId, ) = _standing(_bound(1));
        uint48 until = board.caseOf(caseId).deadline;
        require(until == board.caseOf(caseId).openedAt + 7 days, "reach");
        vm.warp(until + 1);
        bytes32 about = board.digestOf(caseId);
        bytes32 word = board.caseOf(caseId).word;
        vm.prank(vm.addr(CHALLENGER));
        vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.TooLate.selector, until + 1, until));
        board.challenge(caseId, about, word);
        address[] memory five = board.seatsOf(caseId, 0);
        board.close(caseId);
        require(board.balanceOf(five[0]) == FUNDS - STAKE + FEE, "its stake is free again");
        require(board.isStanding(caseId, board.caseOf(caseId).word), "stands");
        _checkMoney();
    }

    /// R57: a simulated root counts on a local chain only; one that nobody pinned nowhere.
    function test_RevertWhen_TheRootIsNotPinned() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        uint256 caseId = _openCase(4, "document");
        IVerdictBoard.Facts memory f = _facts(caseId, b);
        f.rootId = keccak256("a stranger's root");
        _say(caseId, board.wordOf(caseId, f), 0, 4);
        vm.warp(board.caseOf(caseId).standsFrom);
        vm.expectPartialRevert(IEnclaveRegistry.RootUnknown.selector);
        _registerCase(caseId, f, b);
        vm.chainId(1);
        require(trusted.classOf(4, AWS_ROOT) == 0 && trusted.classOf(3, AMD_ROOT) == 0, "simulated elsewhere");
        // Attesters of another chain who agree on a simulated root register nothing either.
        vm.chainId(31337);
        caseId = _openCase(4, "document");
        vm.chainId(1);
        f = _facts(caseId, b);
        _say(caseId, board.wordOf(caseId, f), 0, 4);
        vm.warp(board.caseOf(caseId).standsFrom);
        vm.expectPartialRevert(IEnclaveRegistry.RootUnknown.selector);
        _registerCase(caseId, f, b);
    }

    function test_RevertWhen_TheEvidenceIsOldOrNotForHere() public {
        vm.startPrank(vm.addr(OWNER));
        vm.expectPartialRevert(IVerdictBoard.ChallengeOld.selector);
        board.open(4, "document", "", block.number - 300);
        vm.expectPartialRevert(IVerdictBoard.ChallengeOld.selector);
        board.open(4, "document", "", block.number);
        uint8[3] memory wrong = [0, 2, 6];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IVerdictBoard.VendorWrong.selector, wrong[i]));
            board.open(wrong[i], "quote", "", block.number - 1);
        }
        vm.expectPartialRevert(IVerdictBoard.SizeWrong.selector);
        board.open(4, new bytes(16_385), "", block.number - 1);
        vm.expectPartialRevert(IVerdictBoard.SizeWrong.selector);
        board.open(5, "report", new bytes(16_385), block.number - 1);
        vm.stopPrank();
    }

    /// A GPU has no key: its verdict stands by itself.
    function test_AGpuRegistersNoKey() public {
        IEnclaveRegistry.Binding memory b = _bound(1);
        uint256 caseId = _openCase(5, "report");
        IVerdictBoard.Facts memory f = _facts(caseId, b);
        _say(caseId, board.wordOf(caseId, f), 0, 4);
        vm.warp(board.caseOf(caseId).standsFrom);
        require(board.isStanding(caseId, board.wordOf(caseId, f)), "stands");
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.VendorWrong.selector, 5));
        _registerCase(caseId, f, b);
    }

    // --- Attesters ----------------------------------------------------------------------------------------------------

    function test_WhoLeavesWaitsForItsReserve() public {
        address one = vm.addr(1);
        uint32 slot = board.slotOf(one);
        vm.startPrank(one);
        board.quit();
        vm.expectPartialRevert(IAttesterPool.NoticeRuns.selector);
        board.free(slot);
        vm.expectPartialRevert(IAttesterPool.AttesterExists.selector);
        board.join();
        vm.stopPrank();
        vm.warp(block.timestamp + 1 days + 1);
        board.free(slot);
        require(board.balanceOf(one) == FUNDS, "reserve");
        vm.expectPartialRevert(IAttesterPool.NotAttester.selector);
        board.free(slot);
        // Its place is taken, and nothing that it did is the newcomer's.
        _attester(30);
        require(board.slotOf(vm.addr(30)) == slot, "slots grow");
        _checkMoney();
    }

    /// A lie is its teller's also after the teller's slot became another's.
    function test_ASlotsNextHolderDoesNotPayForTheLast() public {
        uint256 caseId = _openCase(4, "a forgery");
        bytes32 lie = board.wordOf(caseId, _facts(caseId, _bound(1)));
        _say(caseId, lie, 0, 4);
        address liar = board.seatsOf(caseId, 0)[0];
        uint32 slot = board.slotOf(liar);
        vm.prank(liar);
        board.quit();
        vm.warp(block.timestamp + 1 days + 1);
        board.free(slot);
        _attester(30);
        vm.warp(block.timestamp + 1);
        _challengeCase(caseId);
        _say(caseId, REFUSED, 0, 8);
        require(board.attester(slot).reserve == STAKE && board.attester(slot).leftAt == 0, "the newcomer paid");
        // Its reserve had left; what its word locked had not.
        require(board.balanceOf(liar) == FUNDS + FEE - STAKE, "the liar");
        _checkMoney();
    }

    function test_RevertWhen_NotAStakedWorker() public {
        _fund(40);
        vm.startPrank(vm.addr(40));
        vm.expectRevert(abi.encodeWithSelector(IAttesterPool.NotWorker.selector, vm.addr(40)));
        board.join();
        vm.stopPrank();
        _join(40, M, 0);
        uint32 id = _vault.workerOfSigner(vm.addr(40));
        vm.prank(_owner(40));
        _vault.beginUnbond(id, 1);
        vm.startPrank(vm.addr(40));
        vm.expectRevert(abi.encodeWithSelector(IAttesterPool.NotWorker.selector, vm.addr(40)));
        board.join();
        vm.stopPrank();
    }

    /// Too few attesters: nothing is decided, rather than by fewer.
    function test_RevertWhen_TheJuryCannotBeSeated() public {
        for (uint256 n = 1; n <= 9; ++n) {
            vm.prank(vm.addr(n));
            board.quit();
        }
        vm.warp(block.timestamp + 1);
        IEnclaveRegistry.Binding memory b = _bound(1);
        (uint256 caseId, ) = _standing(b);
        _challengeCase(caseId);
        vm.expectRevert(abi.encodeWithSelector(IAttesterPool.AttestersTooFew.selector, 10, 11));
        board.seat(caseId);
        vm.warp(board.caseOf(caseId).deadline + 1);
        board.close(caseId);
        // Its bond, but for what asking again costs the worker.
        require(board.balanceOf(vm.addr(CHALLENGER)) == FUNDS - 5 * FEE, "bond");
        require(board.caseOf(caseId).state == 5, "fails closed");
        _checkMoney();
    }

    function test_RevertWhen_TheTermsAreWeak() public {
        IERC20 token = IERC20(address(_token));
        bytes memory money = abi.encodeWithSelector(IVerdictBoard.TermsInvalid.selector, 1);
        bytes memory times = abi.encodeWithSelector(IVerdictBoard.TermsInvalid.selector, 2);
        vm.expectRevert(money);
        new VerdictBoard(token, _vault, 10, 439, 1 hours, 1 hours);
        vm.expectRevert(money);
        new VerdictBoard(token, _vault, 0, 439, 1 hours, 1 hours);
        vm.expectRevert(times);
        new VerdictBoard(token, _vault, 10, 440, 1 days, 1 hours);
        vm.expectRevert(times);
        new VerdictBoard(token, _vault, 10, 440, 1 hours, 7 days);
        new VerdictBoard(token, _vault, 10, 440, 1, 1);
        vm.chainId(1);
        vm.expectRevert(times);
        new VerdictBoard(token, _vault, 10, 440, 1 hours - 1, 1 hours);
        vm.expectRevert(times);
        new VerdictBoard(token, _vault, 10, 440, 1 hours, 1 hours - 1);
    }

    // --- Money --------------------------------------------------------------------------------------------------------

    /// In every order of what may happen, what the board holds is what it owes.
    function testFuzz_MoneyIsConserved(uint256 seed) public {
        for (uint256 step; step < 24; ++step) {
            seed = uint256(keccak256(abi.encode(seed, step)));
            _act(seed);
            _checkMoney();
        }
    }

    function _act(uint256 seed) private {
        uint256 last = board.cases();
        uint256 caseId = last == 0 ? 0 : 1 + ((seed >> 16) % last);
        uint256 what = seed % 8;
        if (what == 0 || last == 0) {
            if (last < 4 && board.balanceOf(vm.addr(OWNER)) >= 5 * FEE) _openCase(4, abi.encode(seed));
        } else if (what < 4) {
            _vote(caseId, seed >> 32);
        } else if (what == 4) {
            bytes32 about = board.digestOf(caseId);
            bytes32 word = board.caseOf(caseId).word;
            vm.prank(vm.addr(CHALLENGER));
            try board.challenge(caseId, about, word) {
                _toSeats(caseId);
            } catch {}
        } else if (what == 5) {
            vm.warp(block.timestamp + ((seed >> 32) % 4) * 1 hours + 1);
            try board.close(caseId) {} catch {}
        } else if (what == 6) {
            vm.prank(vm.addr(1 + ((seed >> 32) % 24)));
            try board.quit() {} catch {}
        } else {
            vm.warp(block.timestamp + 1 days + 1);
            try board.free(uint32(1 + ((seed >> 32) % 24))) {} catch {}
        }
    }

    function _vote(uint256 caseId, uint256 seed) private {
        address[] memory seats;
        try board.seatsOf(caseId, board.caseOf(caseId).round) returns (address[] memory found) {
            seats = found;
        } catch {}
        bytes32 about = board.digestOf(caseId);
        for (uint256 i; i < seats.length; ++i) {
            // Mostly one word, sometimes another; some stay away.
            uint256 choice = (seed >> (3 * i)) % 8;
            if (choice == 7) continue;
            vm.prank(seats[i]);
            try board.post(caseId, about, choice == 6 ? REFUSED : keccak256("word")) {} catch {}
        }
    }
}
