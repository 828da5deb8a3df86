// SPDX-License-Identifier: GPL-3.0-or-later
pragma circom 2.1.6;

// Purpose      The sum over i of r2_x[i] * r2_w[i] is r2_y, for polynomials at rho: all pixels of one output channel of a convolution
//              with private weights at once.
// Private      r2_x[n], r2_w[n], r2_y: affine over round 2, values at rho of polynomials with committed coefficients.
// Constraints  n.
// Caller       the coefficients are committed before rho is known, and the exponents leave room for the whole product: pixel (a, b) at
//              a * S + b with S >= width + kernel width - 1. y has every coefficient of the product, borders included: a missing one
//              would have to be 0, and a wrong one passes for at most as many rho as the degree.
template PolynomialProduct(n) {
    signal input r2_x[n];
    signal input r2_w[n];
    signal input r2_y;
    signal r2_p[n - 1];

    var sum = 0;
    for (var i = 0; i < n - 1; i++) {
        r2_p[i] <== r2_x[i] * r2_w[i];
        sum += r2_p[i];
    }
    r2_x[n - 1] * r2_w[n - 1] === r2_y - sum;
}
