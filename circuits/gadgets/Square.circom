// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      y = x^2.
// Private      x: affine.
// Constraints  1.
// Caller       |y| stays below 2^250 for every input (the program's static bounds), or squares wrap around the field.
template Square() {
    signal input x;
    signal output y;

    y <== x * x;
}
