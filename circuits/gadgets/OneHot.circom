// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      x in [0, n) as a unit vector: a table without challenges. n >= 2.
// Private      x: affine; hot[n-1]: whether x is 1, 2, ...
// Out          none: whether x is 0, affine.
// Constraints  n + 1.
// Caller       nothing.
template OneHot(n) {
    signal input x;
    signal input hot[n - 1];
    signal output none;

    // n booleans that add up to 1: exactly one is 1, as n is below r.
    var rest = 1;
    var sum = 0;
    for (var i = 1; i < n; i++) {
        hot[i - 1] * (hot[i - 1] - 1) === 0;
        rest -= hot[i - 1];
        sum += i * hot[i - 1];
    }
    rest * (rest - 1) === 0;
    x === sum;
    none <== rest;
}
