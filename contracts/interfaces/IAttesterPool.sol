// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Workers who verify evidence that is too dear for a chain
/// @notice Any staked worker may join, leaves when it likes, and keeps its tokens unless it says what is not so. One seat a worker, so
/// distinct attesters are distinct operators.
/// @dev Warning: the token is a plain ERC-20. There is no owner: nobody can add, remove or fine anybody but by the rules here.
interface IAttesterPool {
    struct Attester {
        address account; // the worker's signer
        uint48 joinedAt;
        uint48 leftAt; // 0 while a member
        uint32 workerId;
        uint96 reserve; // wei, beside what its verdicts lock
    }

    event Deposited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    event AttesterJoined(uint32 indexed slot, uint32 indexed workerId, address account);
    /// By itself, or because its reserve ran low.
    event AttesterLeft(uint32 indexed slot, address account);
    event AttesterFreed(uint32 indexed slot, address account, uint256 reserve);
    /// @param burned of `amount`; the rest is credited by the case's rules
    event AttesterSlashed(address indexed account, uint256 indexed caseId, uint256 amount, uint256 burned);
    event AttesterFined(address indexed account, uint256 indexed caseId, uint256 amount);

    error BalanceTooLow(uint256 have, uint256 need);
    /// The token took a fee or lied.
    error TransferMismatch(uint256 received, uint256 amount);
    /// No worker of the vault signs with this address, or it does not back its signature with the least stake.
    error NotWorker(address account);
    error AttesterExists(uint32 slot);
    error NotAttester(address account);
    error NoticeRuns(uint256 now_, uint256 until);
    /// Not enough attesters for a draw.
    error AttestersTooFew(uint256 have, uint256 need);

    /// @notice Puts tokens on the caller's account here: fees, bonds and stakes are taken from it.
    function deposit(uint256 amount) external;

    function withdraw(uint256 amount, address to) external;

    /// @notice Makes the caller, a staked worker's signer, an attester; takes STAKE into its reserve. It can be drawn from the next
    /// block on, and is fined a REWARD where it was drawn and a vote failed without its word.
    function join() external returns (uint32 slot);

    /// @notice Ends the caller's membership for draws to come.
    function quit() external;

    /// @notice Gives a former member's reserve back, NOTICE after it left. Anyone.
    function free(uint32 slot) external;

    function attester(uint32 slot) external view returns (Attester memory);

    /// @notice Slots in use, members and former ones.
    function attesters() external view returns (uint32 count);

    /// @notice A member's slot. Reverts with `NotAttester`.
    function slotOf(address account) external view returns (uint32 slot);

    function balanceOf(address account) external view returns (uint256);

    /// @notice What a verdict earns, wei.
    function REWARD() external view returns (uint96);

    /// @notice What a member holds in reserve, and what each verdict locks, wei.
    function STAKE() external view returns (uint96);
}
