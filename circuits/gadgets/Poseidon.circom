// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

include "PoseidonLanes.circom";

// Purpose      circomlib's Poseidon of n field elements.
// In           in[n]: any field elements. n = 2 or 16.
// Out          out: Poseidon(in).
// Constraints  240 (n = 2), 609 (n = 16), none linear.
// Caller       nothing.
template Poseidon(n) {
    signal input in[n];
    signal output out;

    var none[n];
    for (var i = 0; i < n; i++) { none[i] = 0; }
    out <== PoseidonLanes(n, 0, n, none)(in);
}
