// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

include "PoseidonLanes.circom";

// Purpose      SALTED commitment to `length` bytes (zk.md section 4): h = P2(2^64 + length, salt); h = P16(h, next 15 words).
// In           words[ceil(length / 31)]: 31 bytes each, big-endian, the last padded with zeros on the right; salt.
// Out          digest: the last h, what offchain/core/poseidon.ts `poseidonFold` yields.
// Constraints  237 + 564 a step of 15 words + 3 a word: at most 240 + 609 a step.
// Caller       every byte of every word is range-checked, or else two tensors share a word. The length is a constant: it needs no
//              check and separates tensors that differ by padding only.
template PoseidonFold(length) {
    var count = (length + 30) \ 31;
    var steps = (count + 14) \ 15;
    var zeros[16];
    for (var i = 0; i < 16; i++) { zeros[i] = 0; }

    signal input words[count];
    signal input salt;
    signal output digest;

    signal h[steps + 1];
    h[0] <== PoseidonLanes(2, 1, 1, [2 ** 64 + length, 0])([salt]);

    component step[steps];
    for (var s = 0; s < steps; s++) {
        var here = 15;
        if (count - 15 * s < 15) { here = count - 15 * s; }
        step[s] = PoseidonLanes(16, 0, 1 + here, zeros);
        step[s].in[0] <== h[s];
        for (var i = 0; i < here; i++) { step[s].in[i + 1] <== words[15 * s + i]; }
        h[s + 1] <== step[s].out;
    }
    digest <== h[steps];
}
