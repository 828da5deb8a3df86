// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {FeeToken} from "../../../contracts/mocks/FeeToken.sol";
import {StakeVault} from "../../../contracts/staking/StakeVault.sol";
import {VaultBase} from "../support/VaultBase.sol";
import {vm} from "../support/Vm.sol";

/// R14, R15: who a worker is, what it stakes, and that nothing leaves early.
contract StakeVaultTest is VaultBase {
    address private constant STRANGER = address(0xbad);

    function setUp() public {
        _deployVault(address(this));
    }

    // --- Registering -------------------------------------------------------------------------------------------------

    function test_Register() public {
        uint32 id = _register(1, 5, START + 1 days);
        IStakeVault.Worker memory worker = _vault.worker(id);
        require(id == 1 && _vault.workers() == 1, "first id");
        require(_vault.ownerOf(id) == _owner(1) && _vault.workerOf(_owner(1)) == id, "owner");
        require(worker.signer == vm.addr(1) && worker.expiry == START + 1 days, "record");
        require(_vault.capabilitiesOf(id) == 5, "capabilities");
    }

    function test_RevertWhen_OwnerRegistersTwice() public {
        uint32 id = _register(1, 0, START + 1);
        (bytes32 r, bytes32 vs) = _sign(2, _registration(address(_vault), _owner(1)));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.OwnerHasWorker.selector, _owner(1), id));
        _vault.register(vm.addr(2), _profile(0, START + 1), r, vs);
    }

    function test_RevertWhen_SignerServesAnotherWorker() public {
        _register(1, 0, START + 1);
        (bytes32 r, bytes32 vs) = _sign(1, _registration(address(_vault), STRANGER));
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.SignerTaken.selector, vm.addr(1)));
        _vault.register(vm.addr(1), _profile(0, START + 1), r, vs);
    }

    /// A consent that was seen on its way to the chain is worth nothing to anyone else.
    function test_RevertWhen_ConsentIsForAnotherOwner() public {
        (bytes32 r, bytes32 vs) = _sign(1, _registration(address(_vault), _owner(1)));
        vm.prank(STRANGER);
        vm.expectPartialRevert(IStakeVault.SignerInvalid.selector);
        _vault.register(vm.addr(1), _profile(0, START + 1), r, vs);
    }

    function test_RevertWhen_ConsentIsForAnotherVaultOrChain() public {
        (bytes32 r, bytes32 vs) = _sign(1, _registration(address(0xdead), _owner(1)));
        vm.prank(_owner(1));
        vm.expectPartialRevert(IStakeVault.SignerInvalid.selector);
        _vault.register(vm.addr(1), _profile(0, START + 1), r, vs);

        vm.chainId(1);
        (r, vs) = _sign(1, _registration(address(_vault), _owner(1)));
        vm.chainId(31337);
        vm.prank(_owner(1));
        vm.expectPartialRevert(IStakeVault.SignerInvalid.selector);
        _vault.register(vm.addr(1), _profile(0, START + 1), r, vs);
    }

    function test_RevertWhen_SignerIsZeroOrSignatureMalformed() public {
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.SignerInvalid.selector, address(0), address(0)));
        _vault.register(address(0), _profile(0, START + 1), bytes32(0), bytes32(0));
    }

    function test_RevertWhen_ProfileIsStale() public {
        (bytes32 r, bytes32 vs) = _sign(1, _registration(address(_vault), _owner(1)));
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ExpiryInPast.selector, START, uint256(START)));
        _vault.register(vm.addr(1), _profile(0, START), r, vs);
    }

    function test_UpdateProfile() public {
        uint32 id = _register(1, 3, START + 1);
        vm.prank(_owner(1));
        _vault.updateProfile(id, _profile(1, START + 2));
        require(_vault.capabilitiesOf(id) == 1 && _vault.worker(id).expiry == START + 2, "updated");

        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotOwner.selector, STRANGER, _owner(1)));
        _vault.updateProfile(id, _profile(1, START + 2));
    }

    function test_RevertWhen_GivingUpCapabilitiesOfAHeldClass() public {
        uint32 class_ = _vault.createTicketClass(IStakeVault.TicketClass(0, 1, 6));
        uint32 id = _register(1, 7, type(uint48).max);
        _vault.stake(id, M);
        _add(1, id, class_, 1);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.CapabilitiesInUse.selector, uint64(5), uint64(6)));
        _vault.updateProfile(id, _profile(5, type(uint48).max));
    }

    // --- Staking -----------------------------------------------------------------------------------------------------

    function testFuzz_Stake(uint96 amount) public {
        vm.assume(amount != 0);
        uint32 id = _register(1, 0, START + 1);
        _vault.stake(id, amount);
        require(_vault.worker(id).stake == amount && _token.balanceOf(address(_vault)) == amount, "stake");
    }

    function test_StakeWithPermit() public {
        uint32 id = _register(1, 0, START + 1);
        _token.mint(vm.addr(9), M);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(9, _permit(vm.addr(9), M));
        // Somebody sends the permit first: staking still works, by the allowance it left.
        _token.permit(vm.addr(9), address(_vault), M, START, v, r, s);
        vm.prank(vm.addr(9));
        _vault.stakeWithPermit(id, M, START, v, r, s);
        require(_vault.worker(id).stake == M, "stake");
    }

    function _permit(address holder, uint256 amount) private view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                holder,
                address(_vault),
                amount,
                0,
                uint256(START)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", _token.DOMAIN_SEPARATOR(), structHash));
    }

    function test_RevertWhen_StakingNothingOrForNobody() public {
        uint32 id = _register(1, 0, START + 1);
        vm.expectRevert(IStakeVault.AmountZero.selector);
        _vault.stake(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerUnknown.selector, id + 1));
        _vault.stake(id + 1, 1);
    }

    function test_RevertWhen_TokenTakesAFee() public {
        FeeToken token = new FeeToken();
        _vault = new StakeVault(address(this), IERC20(address(token)), M, UNBONDING, EPOCH);
        token.mint(address(this), M);
        token.approve(address(_vault), M);
        uint32 id = _register(1, 0, START + 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.TransferIncomplete.selector, M - M / 100, M));
        _vault.stake(id, M);
    }

    // --- Leaving -----------------------------------------------------------------------------------------------------

    function test_Withdraw() public {
        uint32 id = _join(1, M, 0);
        vm.prank(_owner(1));
        _vault.beginUnbond(id, M);
        vm.warp(START + UNBONDING);
        vm.prank(_owner(1));
        require(_vault.withdraw(id, STRANGER) == M && _token.balanceOf(STRANGER) == M, "paid");
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NothingUnbonding.selector, id));
        _vault.withdraw(id, STRANGER);
    }

    function testFuzz_RevertWhen_WithdrawingEarly(uint48 early) public {
        early = 1 + (early % UNBONDING);
        uint32 id = _join(1, M, 0);
        vm.prank(_owner(1));
        _vault.beginUnbond(id, 1);
        uint48 unbondAt = START + UNBONDING;
        vm.warp(unbondAt - early);
        vm.prank(_owner(1));
        vm.expectRevert(
            abi.encodeWithSelector(IStakeVault.UnbondingUntil.selector, uint256(unbondAt - early), uint256(unbondAt))
        );
        _vault.withdraw(id, _owner(1));
    }

    /// Otherwise a trickle begun early would let later amounts out at once.
    function test_UnbondingMoreRestartsTheClock() public {
        uint32 id = _join(1, M, 0);
        vm.prank(_owner(1));
        _vault.beginUnbond(id, 1);
        vm.warp(START + UNBONDING - 1);
        vm.prank(_owner(1));
        _vault.beginUnbond(id, M - 1);
        vm.warp(START + UNBONDING);
        vm.prank(_owner(1));
        vm.expectPartialRevert(IStakeVault.UnbondingUntil.selector);
        _vault.withdraw(id, _owner(1));
    }

    function test_RevertWhen_UnbondingTooMuchOrForAnother() public {
        uint32 id = _join(1, M, 0);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.StakeTooLow.selector, uint256(M), uint256(M) + 1));
        _vault.beginUnbond(id, M + 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotOwner.selector, address(this), _owner(1)));
        _vault.beginUnbond(id, 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotOwner.selector, address(this), _owner(1)));
        _vault.withdraw(id, address(this));
        vm.prank(vm.addr(1)); // the hot key moves no money
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotOwner.selector, vm.addr(1), _owner(1)));
        _vault.beginUnbond(id, 1);
    }

    // --- Slashing and jail -------------------------------------------------------------------------------------------

    function testFuzz_Slash(uint96 staked, uint96 unbonding, uint96 amount) public {
        staked = 1 + (staked % 1e12);
        unbonding = unbonding % staked;
        uint32 id = _join(1, staked, 0);
        if (unbonding != 0) {
            vm.prank(_owner(1));
            _vault.beginUnbond(id, unbonding);
        }
        uint256 before = _token.balanceOf(address(this));
        uint96 taken = _vault.slash(id, amount, bytes32("job"), 1);
        IStakeVault.Worker memory worker = _vault.worker(id);
        require(taken == (amount < staked ? amount : staked), "takes what is there, no more than asked");
        require(_token.balanceOf(address(this)) - before == taken, "to the hub");
        require(worker.stake + worker.unbonding == staked - taken, "from the worker");
        bool stakeFirst = worker.stake == 0 || worker.unbonding == unbonding;
        require(stakeFirst, "unbonding tokens go last");
    }

    function test_RevertWhen_CallerIsNotTheHub() public {
        uint32 id = _join(1, M, 0);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotHub.selector, STRANGER, address(this)));
        _vault.slash(id, 1, 0, 1);
        vm.prank(_owner(1));
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NotHub.selector, _owner(1), address(this)));
        _vault.jail(id, type(uint48).max);
    }

    function test_JailNeverShortens() public {
        uint32 id = _join(1, M, 0);
        _vault.jail(id, START + 7 days);
        _vault.jail(id, START + 1 days);
        require(_vault.worker(id).jailedUntil == START + 7 days, "kept");
        _vault.jail(id, type(uint48).max);
        require(_vault.worker(id).jailedUntil == type(uint48).max, "for good");
    }

    function test_SignersOfKnowsEverySeat() public {
        uint32[] memory ids = new uint32[](2);
        (ids[0], ids[1]) = (_join(1, M, 0), _join(2, M, 0));
        address[] memory signers = _vault.signersOf(ids);
        require(signers[0] == vm.addr(1) && signers[1] == vm.addr(2), "in order");
        ids[1] = 77;
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.WorkerUnknown.selector, uint32(77)));
        _vault.signersOf(ids);
    }

    function test_GasOfAWorkersJourney() public {
        uint32 id = _register(1, 0, type(uint48).max);
        vm.startSnapshotGas("stake, first of a worker");
        _vault.stake(id, M);
        vm.stopSnapshotGas();
        vm.startSnapshotGas("slash, stake suffices");
        _vault.slash(id, 1, bytes32("job"), 1);
        vm.stopSnapshotGas();
    }
}
