// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {EnclaveEvidence} from "../../../../contracts/evidence/enclave/EnclaveEvidence.sol";
import {IEnclaveEvidence} from "../../../../contracts/interfaces/IEnclaveEvidence.sol";
import {IEnclaveRegistry} from "../../../../contracts/interfaces/IEnclaveRegistry.sol";
import {IEvidenceAdapter} from "../../../../contracts/interfaces/IEvidenceAdapter.sol";
import {IModelRegistry} from "../../../../contracts/interfaces/IModelRegistry.sol";
import {SnpLib} from "../../../../contracts/libraries/SnpLib.sol";
import {EnclaveBundle, StageInfo} from "../../../../contracts/types/Types.sol";
import {vm} from "../../support/Vm.sol";

/// What TypeScript signs about critical jobs, and reads in AMD's reports, is what the contracts take.
contract EnclavePairsTest {
    string private constant _PATH = "test/fixtures/vectors/enclave-pair.json";

    string private _json;
    EnclaveEvidence private _judge;
    StageInfo[] private _table;
    mapping(address key => IEnclaveRegistry.Enclave) private _known;

    function setUp() public {
        _json = vm.readFile(_PATH);
        _table.push();
        _table.push();
        _judge = new EnclaveEvidence(IEnclaveRegistry(address(this)), IModelRegistry(address(this)));
        _tell("proverKey", "worker", 3, 1);
        _tell("secondKey", "second", 65_535, 3);
    }

    function _tell(string memory key, string memory worker, uint16 epoch, uint8 vendor) private {
        IEnclaveRegistry.Enclave storage e = _known[_address(key)];
        (e.worker, e.epoch, e.vendor, e.expiry) = (_address(worker), epoch, vendor, type(uint32).max);
    }

    function _word(string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, string.concat(".", name));
    }

    function _address(string memory name) private view returns (address) {
        return vm.parseJsonAddress(_json, string.concat(".", name));
    }

    // Stands in for the registries.

    function enclave(address key) external view returns (IEnclaveRegistry.Enclave memory) {
        return _known[key];
    }

    function isLive(address, uint256) external pure returns (bool) {
        return true;
    }

    function registeredAt(address) external view returns (uint40) {
        return uint40(block.timestamp);
    }

    function model(bytes32) external view returns (IModelRegistry.Model memory m) {
        m.stagesHash = keccak256(abi.encode(_table));
    }

    function check(EnclaveBundle memory bundle) external view {
        uint16 stage = uint16(vm.parseJsonUint(_json, ".stage"));
        bytes32 out = _word("outDigest");
        _judge.checkCritical(
            _word("domain"),
            IEvidenceAdapter.Claim(_word("jobId"), stage, _word("inDigest"), out, _address("worker")),
            _table,
            bundle
        );
    }

    function readReport(
        bytes calldata report
    ) external pure returns (uint32 svns, bytes32 platform, bytes32 image, bytes32 high, bytes32 low) {
        return SnpLib.read(report);
    }

    /// R62: the golden bundle is spelled and believed alike.
    function test_TheBundleIsSpelledAlike() public view {
        bytes memory spelled = vm.parseJsonBytes(_json, ".bundle");
        EnclaveBundle memory bundle = abi.decode(spelled, (EnclaveBundle));
        require(keccak256(abi.encode(bundle)) == keccak256(spelled), "another spelling");
        require(bundle.second == _address("second"), "second");
        this.check(bundle);
    }

    /// R62: no byte of what was signed may be another.
    function testFuzz_RevertWhen_ABitIsFlipped(uint256 which, uint8 bit) public {
        EnclaveBundle memory bundle = abi.decode(vm.parseJsonBytes(_json, ".bundle"), (EnclaveBundle));
        bytes memory part =
            which % 3 == 0
                ? bundle.result
                : which % 3 == 1
                    ? bundle.secondResult
                    : bundle.proof;
        uint256 index = (which / 3) % part.length;
        part[index] ^= bytes1(uint8(1) << (bit % 8));
        vm.expectRevert();
        this.check(bundle);
    }

    /// An AMD and an AWS enclave rest on attesters' word alone.
    function test_RevertWhen_NobodysEvidenceWasVerifiedHere() public {
        EnclaveBundle memory bundle = abi.decode(vm.parseJsonBytes(_json, ".bundle"), (EnclaveBundle));
        _known[_address("proverKey")].vendor = 4;
        vm.expectRevert(abi.encodeWithSelector(IEnclaveEvidence.NoneVerifiedOnChain.selector, 4, 3));
        this.check(bundle);
        _known[_address("proverKey")].vendor = 1;
        _known[_address("secondKey")].vendor = 2;
        vm.expectRevert(abi.encodeWithSelector(IEnclaveEvidence.FamiliesEqual.selector, 2));
        this.check(bundle);
        _known[_address("secondKey")].vendor = 3;
        _known[_address("secondKey")].modelId = keccak256("another model");
        vm.expectPartialRevert(IEnclaveEvidence.ModelMismatch.selector);
        this.check(bundle);
    }

    /// R56: what an AMD report says but for its signature, the chain reads as the verifier does.
    function test_ReadsAReportAsTheVerifierDoes() public view {
        (uint32 svns, bytes32 platform, bytes32 image, bytes32 high, bytes32 low) = this.readReport(
            vm.parseJsonBytes(_json, ".report")
        );
        require(svns == vm.parseJsonUint(_json, ".svns"), "svns");
        require(platform == _word("platformId") && image == _word("measurementId"), "ids");
        require(high == _word("dataHigh") && low == _word("dataLow"), "report data");
    }

    /// R56: debug guests, movable guests, other levels, keys and forms need no attester to be refused.
    function test_RevertWhen_AReportIsNotForHere() public {
        bytes memory good = vm.parseJsonBytes(_json, ".report");
        uint16[9] memory places = [uint16(0), 0x34, 0x0a, 0x0a, 0x30, 0x48, 0x330, 0x49f, 0x03];
        uint8[9] memory bits = [uint8(0x10), 0x02, 0x08, 0x04, 0x01, 0x04, 0x01, 0x80, 0x01];
        uint8[9] memory parts = [2, 3, 4, 5, 6, 7, 9, 9, 2];
        for (uint256 i; i < 9; ++i) {
            bytes memory bad = bytes.concat(good);
            bad[places[i]] |= bytes1(bits[i]);
            vm.expectRevert(abi.encodeWithSelector(SnpLib.ReportRefused.selector, parts[i]));
            this.readReport(bad);
        }
        bytes memory hidden = bytes.concat(good);
        for (uint256 i = 0x1a0; i < 0x1e0; ++i) hidden[i] = 0;
        vm.expectRevert(abi.encodeWithSelector(SnpLib.ReportRefused.selector, 8));
        this.readReport(hidden);
        vm.expectRevert(abi.encodeWithSelector(SnpLib.ReportRefused.selector, 1));
        this.readReport(bytes.concat(good, hex"00"));
        vm.expectRevert(abi.encodeWithSelector(SnpLib.ReportRefused.selector, 1));
        this.readReport("");
    }
}
