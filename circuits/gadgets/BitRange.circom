// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      0 <= x < 2^n by bits: the range check of the one-round backend, which has no challenge to look up with.
// Private      x: affine; bit[n-1]: bits 1.. of x, lowest first; bit 0 is what is left of x.
// Constraints  n.
// Caller       n is between 2 and 252: above, x and x + r are both sums of bits.
template BitRange(n) {
    signal input x;
    signal input bit[n - 1];

    var rest = x;
    for (var i = 1; i < n; i++) {
        bit[i - 1] * (bit[i - 1] - 1) === 0;
        rest -= bit[i - 1] * (1 << i);
    }
    rest * (rest - 1) === 0;
}
