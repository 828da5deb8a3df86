// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      b is 0 or 1.
// Private      b: affine.
// Constraints  1.
// Caller       nothing.
template Bit() {
    signal input b;

    b * (b - 1) === 0;
}
