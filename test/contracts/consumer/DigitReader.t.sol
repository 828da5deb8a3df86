// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {DigitReader} from "../../../contracts/consumer/DigitReader.sol";
import {IAssayHub} from "../../../contracts/interfaces/IAssayHub.sol";
import {IInferenceConsumer} from "../../../contracts/interfaces/IInferenceConsumer.sol";
import {IModelRegistry} from "../../../contracts/interfaces/IModelRegistry.sol";
import {DevToken} from "../../../contracts/mocks/DevToken.sol";
import {KIND_SALTED, Spec, STATE_CLOSED, STATE_FINAL} from "../../../contracts/types/Types.sol";
import {vm} from "../support/Vm.sol";

/// What a consumer sees of a hub: it takes money and requests, and calls back when the test says so.
contract RecordingHub {
    DevToken public immutable token = new DevToken();
    uint96 public nonce;
    address public callback;
    uint8 public outKind;

    function setOutKind(uint8 kind) external {
        outKind = kind;
    }

    /// It answers for the registry too.
    function registry() external view returns (address) {
        return address(this);
    }

    function model(bytes32) external view returns (IModelRegistry.Model memory record) {
        record.outKind = outKind;
    }

    function deposit(uint256 amount) external {
        token.transferFrom(msg.sender, address(this), amount);
    }

    function withdraw(uint256 amount, address to) external {
        token.transfer(to, amount);
    }

    function request(uint96 nonce_, Spec calldata spec) external returns (bytes32) {
        (nonce, callback) = (nonce_, spec.callback);
        return keccak256(abi.encode(msg.sender, nonce_, spec));
    }

    function deliver(IInferenceConsumer to, bytes32 jobId, uint8 status, bytes calldata output) external {
        to.handleInference(jobId, status, keccak256(output), output);
    }
}

/// R10, R71: a consumer believes only its hub, only about its own jobs, and only once.
contract DigitReaderTest {
    RecordingHub private _hub;
    DigitReader private _reader;

    function setUp() public {
        _hub = new RecordingHub();
        _reader = new DigitReader(IAssayHub(address(_hub)));
    }

    function _ask() private returns (bytes32) {
        Spec memory spec;
        spec.inDigest = keccak256("image");
        spec.callback = address(0xbad); // overwritten: a reader that never hears back would be useless
        return _reader.ask(spec);
    }

    function _tensor(uint8 dtype, bytes memory data) private pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), dtype, uint8(2), hex"01000000", hex"03000000", data);
    }

    function _digit(bytes memory output) private returns (uint8 digit) {
        bytes32 jobId = _ask();
        _hub.deliver(_reader, jobId, STATE_FINAL, output);
        (, , , digit, ) = _reader.readings(jobId);
    }

    function test_AskAndRead() public {
        bytes32 jobId = _ask();
        require(_hub.callback() == address(_reader) && _reader.isAwaited(jobId), "requested for itself");
        bytes memory output = _tensor(1, hex"ff7f05");
        _hub.deliver(_reader, jobId, STATE_FINAL, output);
        (bytes32 inDigest, bytes32 outDigest, uint8 status, uint8 digit, ) = _reader.readings(jobId);
        require(inDigest == keccak256("image") && outDigest == keccak256(output), "digests");
        require(status == STATE_FINAL && digit == 1 && !_reader.isAwaited(jobId), "read");
        _ask();
        require(_hub.nonce() == 1, "a nonce a request");
    }

    function test_ScoresOfEveryType() public {
        require(_digit(_tensor(1, hex"80ffff")) == 1, "i8: -128, -1, -1");
        require(_digit(_tensor(2, hex"0180ff")) == 2, "u8: 1, 128, 255");
        require(_digit(_tensor(3, hex"ffffffff00010000ff000000")) == 1, "i32: -1, 256, 255");
    }

    function test_AClosedJobHasNoDigit() public {
        bytes32 jobId = _ask();
        _hub.deliver(_reader, jobId, STATE_CLOSED, "");
        (, , uint8 status, uint8 digit, ) = _reader.readings(jobId);
        require(status == STATE_CLOSED && digit == 255, "closed");
    }

    /// R10: whoever ends a job without its output delays the answer, and cannot take it away.
    function test_AWithheldOutputCanStillBeDelivered() public {
        bytes32 jobId = _ask();
        vm.expectRevert(abi.encodeWithSelector(DigitReader.OutputWithheld.selector, jobId));
        _hub.deliver(_reader, jobId, STATE_FINAL, "");
        _hub.deliver(_reader, jobId, STATE_FINAL, _tensor(1, hex"ff7f05"));
        (, , , uint8 digit, ) = _reader.readings(jobId);
        require(digit == 1, "read");
    }

    /// R11: of a private result the chain learns the digest, and the job is done with that.
    function test_APrivateResultIsItsDigest() public {
        _hub.setOutKind(KIND_SALTED);
        bytes32 jobId = _ask();
        _hub.deliver(_reader, jobId, STATE_FINAL, "");
        (, bytes32 outDigest, uint8 status, uint8 digit, bool isPrivate) = _reader.readings(jobId);
        require(outDigest == keccak256("") && status == STATE_FINAL && digit == 255 && isPrivate, "private");
    }

    function test_RevertWhen_DeliveredTwice() public {
        bytes32 jobId = _ask();
        _hub.deliver(_reader, jobId, STATE_CLOSED, "");
        vm.expectRevert(abi.encodeWithSelector(IInferenceConsumer.JobNotAwaited.selector, jobId));
        _hub.deliver(_reader, jobId, STATE_CLOSED, "");
    }

    /// Anyone can request a job with this contract as its callback.
    function testFuzz_RevertWhen_JobIsAnothers(bytes32 jobId) public {
        vm.expectRevert(abi.encodeWithSelector(IInferenceConsumer.JobNotAwaited.selector, jobId));
        _hub.deliver(_reader, jobId, STATE_FINAL, "");
    }

    function testFuzz_RevertWhen_CallerIsNotTheHub(address caller) public {
        vm.assume(caller != address(_hub));
        bytes32 jobId = _ask();
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IInferenceConsumer.NotHub.selector, caller, address(_hub)));
        _reader.handleInference(jobId, STATE_FINAL, 0, "");
    }

    /// A callback that fails leaves the job awaited, so that it can be delivered again.
    function test_RevertWhen_OutputIsMalformed() public {
        bytes[6] memory outputs = [
            bytes(hex"01"),
            abi.encodePacked(uint8(2), uint8(1), uint8(0), hex"00"),
            abi.encodePacked(uint8(1), uint8(4), uint8(0), hex"00000000"),
            _tensor(3, hex"ffffff"),
            _tensor(1, ""),
            _tensor(1, new bytes(255))
        ];
        bytes32 jobId = _ask();
        for (uint256 i; i < outputs.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(DigitReader.OutputMalformed.selector, outputs[i].length));
            _hub.deliver(_reader, jobId, STATE_FINAL, outputs[i]);
        }
        require(_reader.isAwaited(jobId), "still awaited");
    }

    function test_MoneyIsTheOwners() public {
        _hub.token().mint(address(this), 10);
        _hub.token().approve(address(_reader), 10);
        _reader.fund(10);
        require(_hub.token().balanceOf(address(_hub)) == 10, "funded");
        _reader.withdraw(4);
        require(_hub.token().balanceOf(address(this)) == 4, "withdrawn");

        vm.prank(address(0xbad));
        vm.expectRevert(abi.encodeWithSelector(DigitReader.NotOwner.selector, address(0xbad), address(this)));
        _reader.withdraw(1);
        Spec memory spec;
        vm.prank(address(0xbad));
        vm.expectRevert(abi.encodeWithSelector(DigitReader.NotOwner.selector, address(0xbad), address(this)));
        _reader.ask(spec);
    }
}
