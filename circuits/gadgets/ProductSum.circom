// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      One step of a sum of products: y = a * b + before. The last step is a wire of its own, so that a lookup of the sum does
//              not put every product on side B, where each distinct wire costs a point in G2.
// Private      a, b, before: affine.
// Constraints  1.
// Caller       |y| stays far below r, or y is meant mod r (linear checks).
template ProductSum() {
    signal input a;
    signal input b;
    signal input before;
    signal output y;

    y <== a * b + before;
}
