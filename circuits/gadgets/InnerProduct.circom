// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      The sum over k of a[k] * r2_u[k] is r2_w: one row of Freivalds' check A (B s) = Y s, with s_j = rho^j.
// Private      n >= 2. a[n]: round 1, affine; r2_u[n], r2_w: affine over round 2.
// Constraints  n.
// Caller       A, B and Y are committed before rho is known, and u = B s, w = Y s by `HornerStep`s. A wrong row of Y passes for at most
//              as many rho as there are columns.
template InnerProduct(n) {
    signal input a[n];
    signal input r2_u[n];
    signal input r2_w;
    signal r2_p[n - 1];

    var sum = 0;
    for (var k = 0; k < n - 1; k++) {
        r2_p[k] <== a[k] * r2_u[k];
        sum += r2_p[k];
    }
    a[n - 1] * r2_u[n - 1] === r2_w - sum;
}
