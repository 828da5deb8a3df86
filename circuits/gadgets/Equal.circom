// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      a = b.
// Private      a, b: affine.
// Constraints  1.
// Caller       nothing.
template Equal() {
    signal input a;
    signal input b;

    a === b;
}
