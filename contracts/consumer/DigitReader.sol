// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IAssayHub} from "../interfaces/IAssayHub.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {KIND_PUBLIC, Spec, STATE_FINAL} from "../types/Types.sol";
import {IERC20, InferenceConsumer} from "./InferenceConsumer.sol";

/// @title Example of a dApp: reads handwritten digits, and believes an answer only when the hub calls it final
/// @notice The owner pays and asks; anyone reads. A public result is a tensor of class scores, and the digit the first of
/// the highest. Of a private result the chain only ever holds the digest: the owner opens what the seats sealed to it.
contract DigitReader is InferenceConsumer {
    using SafeERC20 for IERC20;

    uint8 private constant _VERSION = 1; // of the canonical tensor encoding (offchain/core/tensor.ts)
    uint8 private constant _I8 = 1;
    uint8 private constant _U8 = 2;
    uint8 private constant _I32 = 3;
    uint8 private constant _NONE = 0xff;

    struct Reading {
        bytes32 inDigest;
        bytes32 outDigest;
        uint8 status; // 0 while the job runs
        uint8 digit; // 255: no result, or a private one
        bool isPrivate; // the model's output has a salted digest
    }

    event ReadingRequested(bytes32 indexed jobId, bytes32 indexed inDigest);
    event ReadingDone(bytes32 indexed jobId, uint8 status, uint8 digit);

    error NotOwner(address caller, address owner);
    error OutputMalformed(uint256 length);
    error OutputWithheld(bytes32 jobId);

    address public immutable OWNER;
    mapping(bytes32 jobId => Reading) public readings;

    modifier onlyOwner() {
        require(msg.sender == OWNER, NotOwner(msg.sender, OWNER));
        _;
    }

    constructor(IAssayHub hub) InferenceConsumer(hub) {
        OWNER = msg.sender;
    }

    /// @notice Moves the caller's approved tokens into this contract's free balance in the hub.
    function fund(uint256 amount) external {
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        _deposit(amount);
    }

    /// @notice Asks for one image. `spec` carries model, input digest, policy and prices; see `HubLens.quote`.
    function ask(Spec calldata spec) external onlyOwner returns (bytes32 jobId) {
        jobId = _request(spec);
        bool isPrivate = IModelRegistry(HUB.registry()).model(spec.modelId).outKind != KIND_PUBLIC;
        readings[jobId] = Reading(spec.inDigest, 0, 0, _NONE, isPrivate);
        emit ReadingRequested(jobId, spec.inDigest);
    }

    /// @notice Takes free balance back, refunds included.
    function withdraw(uint256 amount) external onlyOwner {
        HUB.withdraw(amount, OWNER);
    }

    function _onInference(bytes32 jobId, uint8 status, bytes32 outDigest, bytes calldata output) internal override {
        Reading storage reading = readings[jobId];
        bool readable = status == STATE_FINAL && !reading.isPrivate;
        // Whoever ends a job may leave its output out: refused, the result can still be delivered with it.
        require(!readable || output.length != 0, OutputWithheld(jobId));
        uint8 digit = readable ? _argmax(output) : _NONE;
        (reading.status, reading.outDigest, reading.digit) = (status, outDigest, digit);
        emit ReadingDone(jobId, status, digit);
    }

    /// Index of the first highest score in a canonical tensor: u8 version, u8 dtype (1 i8, 2 u8, 3 i32), u8 rank,
    /// u32le dims[rank], data little-endian. The hub has checked the digest, so only the shape is at stake here.
    function _argmax(bytes calldata tensor) private pure returns (uint8 best) {
        require(tensor.length >= 3, OutputMalformed(tensor.length));
        (uint8 version, uint8 dtype, uint256 rank) = (uint8(tensor[0]), uint8(tensor[1]), uint8(tensor[2]));
        uint256 start = 3 + 4 * rank;
        uint256 width = dtype == _I32 ? 4 : 1;
        bool known = version == _VERSION && dtype >= _I8 && dtype <= _I32;
        require(known && tensor.length > start && (tensor.length - start) % width == 0, OutputMalformed(tensor.length));
        uint256 count = (tensor.length - start) / width;
        require(count < _NONE, OutputMalformed(tensor.length));

        int256 highest = type(int256).min;
        for (uint256 i; i < count; ++i) {
            int256 score = _score(tensor, start + i * width, dtype);
            if (score > highest) (highest, best) = (score, uint8(i));
        }
    }

    function _score(bytes calldata tensor, uint256 offset, uint8 dtype) private pure returns (int256) {
        if (dtype == _I8) return int8(uint8(tensor[offset]));
        if (dtype == _U8) return int256(uint256(uint8(tensor[offset])));
        uint32 word;
        for (uint256 i; i < 4; ++i) word |= uint32(uint8(tensor[offset + i])) << uint32(8 * i);
        return int32(word);
    }
}
