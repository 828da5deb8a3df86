// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TrustRoots} from "../../../contracts/evidence/enclave/TrustRoots.sol";
import {VerdictBoard} from "../../../contracts/evidence/enclave/VerdictBoard.sol";
import {IEnclaveRegistry} from "../../../contracts/interfaces/IEnclaveRegistry.sol";
import {ITrustRoots} from "../../../contracts/interfaces/ITrustRoots.sol";
import {IVerdictBoard} from "../../../contracts/interfaces/IVerdictBoard.sol";
import {EnclaveBase} from "./EnclaveBase.sol";
import {VaultBase} from "./VaultBase.sol";
import {vm} from "./Vm.sol";

/// A board, attesters for it (worker n signs with key n), and an enclave's worker who asks it.
abstract contract BoardBase is VaultBase, EnclaveBase {
    uint96 internal constant FEE = 10;
    uint96 internal constant STAKE = 1_000;
    uint96 internal constant FUNDS = 10_000;
    uint256 internal constant OWNER = 90;
    uint256 internal constant CHALLENGER = 91;
    bytes32 internal constant REFUSED = bytes32(uint256(1));
    bytes32 internal constant AWS_ROOT = keccak256("a simulated AWS root");
    bytes32 internal constant AMD_ROOT = keccak256("a simulated AMD root");
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;

    VerdictBoard internal board;
    TrustRoots internal trusted;

    /// After `_deployVault`, before `_deployEnclaves`.
    function _deployBoard(uint256 count) internal {
        board = new VerdictBoard(IERC20(address(_token)), _vault, FEE, STAKE, 1 hours, 1 hours);
        bytes32[] memory simulated = new bytes32[](2);
        (simulated[0], simulated[1]) = (AWS_ROOT, AMD_ROOT);
        trusted = new TrustRoots(simulated);
        for (uint256 n = 1; n <= count; ++n) _attester(n);
        _fund(OWNER);
        _fund(CHALLENGER);
        vm.warp(block.timestamp + 1);
    }

    function _trustRoots() internal view override returns (ITrustRoots) {
        return trusted;
    }

    function _verdictBoard() internal view override returns (IVerdictBoard) {
        return board;
    }

    function _fund(uint256 n) internal {
        address account = vm.addr(n);
        _token.mint(account, FUNDS);
        vm.startPrank(account);
        _token.approve(address(board), FUNDS);
        board.deposit(FUNDS);
        vm.stopPrank();
    }

    function _attester(uint256 n) internal {
        if (_vault.workerOfSigner(vm.addr(n)) == 0) _join(n, M, 0);
        _fund(n);
        vm.prank(vm.addr(n));
        board.join();
    }

    // --- Cases --------------------------------------------------------------------------------------------------------

    /// The binding that a case's evidence is over.
    function _bound(uint16 epoch) internal view returns (IEnclaveRegistry.Binding memory) {
        return _binding(vm.addr(OWNER), epoch);
    }

    function _openCase(uint8 vendor, bytes memory evidence) internal returns (uint256 caseId) {
        vm.prank(vm.addr(OWNER));
        caseId = board.open(vendor, evidence, "", block.number - 1);
        _toSeats(caseId);
    }

    function _toSeats(uint256 caseId) internal {
        uint48 number = board.caseOf(caseId).seedBlock;
        if (block.number <= number) vm.roll(number + 1);
        vm.setBlockhash(number, keccak256(abi.encode("seed", number)));
    }

    /// What a Nitro document over `b` states, as this case shows it.
    function _facts(
        uint256 caseId,
        IEnclaveRegistry.Binding memory b
    ) internal view returns (IVerdictBoard.Facts memory f) {
        IVerdictBoard.Case memory c = board.caseOf(caseId);
        (f.vendor, f.rootId) = (c.vendor, c.vendor == 3 ? AMD_ROOT : AWS_ROOT);
        f.notAfter = uint48(c.openedAt + 3 days);
        (f.platformId, f.measurementId) = (keccak256("a platform"), IMAGE);
        f.dataHigh = enclaves.bindingHash(b, c.challenge);
        f.dataLow = sha256(runtime);
    }

    function _secretOf(address account) internal pure returns (uint256 n) {
        for (n = 1; n < 90; ++n) if (vm.addr(n) == account) return n;
        revert("nobody's");
    }

    /// Seats [from, to) of the vote under way say `word`.
    function _say(uint256 caseId, bytes32 word, uint256 from, uint256 to) internal {
        address[] memory seats = board.seatsOf(caseId, board.caseOf(caseId).round);
        bytes32 about = board.digestOf(caseId);
        for (uint256 i = from; i < to; ++i) {
            vm.prank(seats[i]);
            board.post(caseId, about, word);
        }
    }

    function _challengeCase(uint256 caseId) internal {
        bytes32 about = board.digestOf(caseId);
        bytes32 word = board.caseOf(caseId).word;
        vm.prank(vm.addr(CHALLENGER));
        board.challenge(caseId, about, word);
        _toSeats(caseId);
    }

    function _refuseChallenge(uint256 caseId, bytes4 why) internal {
        bytes32 about = board.digestOf(caseId);
        bytes32 word = board.caseOf(caseId).word;
        vm.prank(vm.addr(CHALLENGER));
        vm.expectPartialRevert(why);
        board.challenge(caseId, about, word);
    }

    function _registerCase(uint256 caseId, IVerdictBoard.Facts memory f, IEnclaveRegistry.Binding memory b) internal {
        vm.prank(b.worker);
        enclaves.registerByVerdict(caseId, f, b, runtime);
    }

    /// A case for binding `b` that four seats agreed on, and that stands.
    function _standing(
        IEnclaveRegistry.Binding memory b
    ) internal returns (uint256 caseId, IVerdictBoard.Facts memory f) {
        caseId = _openCase(4, "document");
        f = _facts(caseId, b);
        _say(caseId, board.wordOf(caseId, f), 0, 4);
        vm.warp(board.caseOf(caseId).standsFrom);
    }

    // --- Money --------------------------------------------------------------------------------------------------------

    /// What is on accounts, in reserves and cases, and locked by verdicts, is what the board holds.
    function _checkMoney() internal view {
        uint256 owed = board.balanceOf(vm.addr(OWNER)) + board.balanceOf(vm.addr(CHALLENGER));
        for (uint256 n = 1; n < 90; ++n) owed += board.balanceOf(vm.addr(n));
        for (uint32 slot = 1; slot < board.attesters(); ++slot) owed += board.attester(slot).reserve;
        for (uint256 i = 1; i <= board.cases(); ++i) owed += board.caseOf(i).escrow + STAKE * _locked(i);
        require(_token.balanceOf(address(board)) == owed, "the board's money");
    }

    /// Verdicts whose stake is still locked.
    function _locked(uint256 caseId) private view returns (uint256 count) {
        IVerdictBoard.Case memory c = board.caseOf(caseId);
        // Ruled, failed and settled cases hold nothing.
        if (c.state > 3) return 0;
        for (uint8 round; round <= c.round; ++round)
            for (uint256 n = 1; n < 90; ++n) if (board.saidBy(caseId, round, vm.addr(n)) != 0) ++count;
    }
}
