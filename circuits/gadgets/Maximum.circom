// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      y is one of x[0..n-1].
// Private      y; x[n]: affine. n >= 2.
// Out          gap[n] = y - x[i], affine.
// Constraints  n - 1.
// Caller       proves every gap >= 0, loosely but within bounds whose product cannot be 0 mod r by chance: a product of field elements
//              is 0 only if one of them is, so that holds for any bound below r. Then y is the largest of x.
template Maximum(n) {
    signal input y;
    signal input x[n];
    signal output gap[n];
    signal product[n - 1];

    // Some gap is 0, or y would be above all of them.
    product[0] <== y - x[0];
    for (var i = 1; i < n - 1; i++) { product[i] <== product[i - 1] * (y - x[i]); }
    product[n - 2] * (y - x[n - 1]) === 0;
    for (var i = 0; i < n; i++) { gap[i] <== y - x[i]; }
}
