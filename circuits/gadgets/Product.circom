// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      y = a * b.
// Private      a, b: affine.
// Constraints  1.
// Caller       |y| stays far below r, or y is meant mod r (linear checks).
template Product() {
    signal input a;
    signal input b;
    signal output y;

    y <== a * b;
}
